import { expect, test } from "vitest";
import { createContext, createTaskStore, keys, parseRecord } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();
const alice = { service: "sync", user: "alice" };

test("a submitted task has its record and its place on the work stream", async () => {
  const store = createTaskStore(createContext({ primary: redis.client }));
  const id = await store.submit(alice, { src: "/a", dst: "" });
  expect(id).toBe("1");
  const record = parseRecord((await store.get("1", alice)) ?? "");
  expect(record).toMatchObject({ task_id: "1", status: "pending", parameters: { src: "/a", dst: "" } });
  expect(await redis.client.xlen(keys.work)).toBe(1);
});
