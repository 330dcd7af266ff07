import { expect, test } from "vitest";
import { claim, keys, readAndClaim, readEntries } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, commandsDuring, openStore } from "./support.ts";

const redis = useRedis();
const options = { holder: "a", leaseMs: 60_000 };
const nothing = { entries: [], claimed: [], own: [], later: [], unreadable: [] };

async function submitted(count: number) {
  const { store, context } = openStore(redis);
  const ids = await Promise.all(Array.from({ length: count }, () => store.submit(alice, { src: "/a" })));
  return { context, ids };
}

test("new entries are read and their tasks claimed in one command, up to as many as asked for", async () => {
  const { context, ids } = await submitted(5);
  await readAndClaim(context, 1, options);
  let taking: Awaited<ReturnType<typeof readAndClaim>> | undefined;
  const commands = await commandsDuring(redis, async () => {
    taking = await readAndClaim(context, 3, options);
  });
  expect(commands.map(([name]) => name)).toEqual(["evalsha"]);
  expect(taking?.entries.map(({ taskId }) => taskId)).toEqual(ids.slice(1, 4));
  expect(taking?.claimed.map(({ view }) => view.record?.task_id)).toEqual(ids.slice(1, 4));
  expect((await readAndClaim(context, 3, options)).entries).toHaveLength(1);
  expect(await readAndClaim(context, 3, options)).toEqual(nothing);
});

test("a claim is the same, whether its entry was read before or with it", async () => {
  const { context, ids } = await submitted(2);
  const [first] = (await readAndClaim(context, 1, options)).claimed;
  const entries = await readEntries(redis.client, { consumer: "a", count: 1, blockMs: 0 });
  const [second] = (await claim(context, entries, options)).claimed;
  expect([first?.view.id, second?.view.id]).toEqual(ids);
  const shape = (found: typeof first) => [Object.keys(found ?? {}), Object.keys(found?.view.sidecar ?? {}).sort()];
  expect(shape(first)).toEqual(shape(second));
  expect(first).toMatchObject({ hold: undefined, begunAt: undefined, view: { sidecar: { lease: "a", rev: 2 } } });
});

test("entries that name no task are given without a claim", async () => {
  const { context, ids } = await submitted(1);
  for (const fields of [
    ["id", "id:sequence"],
    ["id", "1\u0000"],
    ["other", "1"],
  ] as const) {
    await redis.client.xadd(keys.work, "*", ...fields);
  }
  const { entries, claimed } = await readAndClaim(context, 10, options);
  expect(entries.map(({ taskId }) => taskId)).toEqual([ids[0], undefined, undefined, undefined]);
  expect(claimed).toHaveLength(1);
});

test("without a stream or a group there is nothing to take, and what comes next is found", async () => {
  const { context, store } = openStore(redis);
  expect(await readAndClaim(context, 3, options)).toEqual(nothing);
  const id = await store.submit(alice, {});
  expect((await readAndClaim(context, 3, options)).claimed.map(({ view }) => view.id)).toEqual([id]);
});
