import { expect, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { alice, bob, openStore, saveAsScheduler } from "./support.ts";

const redis = useRedis();

test("users are sorted by code point, astral characters behind all others", async () => {
  const { store } = openStore(redis);
  const users = ["b", "a", "Z", "a:b", "a.b", "é", "用户", "\uffee", "😀", "10", "9", "alice", "alic"];
  for (const user of users) await store.submit({ service: "sync", user }, {});
  const byCodePoint = ["10", "9", "Z", "a", "a.b", "a:b", "alic", "alice", "b", "é", "用户", "\uffee", "😀"];
  expect(await store.users("sync")).toEqual(byCodePoint);
  // The order of UTF-16 units, which a plain sort gives, is another one.
  expect(users.toSorted()).not.toEqual(byCodePoint);
});

test("a user is listed once however many tasks there are, and in no other service", async () => {
  const { store } = openStore(redis);
  await store.submit(alice, {});
  await store.submit(alice, {});
  await store.submit({ service: "copy", user: "carol" }, {});
  expect(await store.users("sync")).toEqual(["alice"]);
  expect(await store.users("copy")).toEqual(["carol"]);
  expect(await store.users("alice")).toEqual([]);
});

test("more users than fit in one piece are all listed, in order", async () => {
  const { store } = openStore(redis);
  const users = Array.from({ length: 1001 }, (_, index) => `u${String(index).padStart(4, "0")}`);
  await Promise.all(users.toReversed().map((user) => store.submit({ service: "sync", user }, {})));
  expect(await store.users("sync")).toEqual(users);
});

test("a user leaves with the last task, and not before", async () => {
  const { store } = openStore(redis);
  const ids = [await store.submit(alice, {}), await store.submit(alice, {})];
  await store.submit(bob, {});
  await store.delete(ids[0] ?? "", alice);
  expect(await store.users("sync")).toEqual(["alice", "bob"]);
  await store.delete(ids[1] ?? "", alice);
  expect(await store.users("sync")).toEqual(["bob"]);
});

test("a user whose tasks are another program's is listed", async () => {
  const { store } = openStore(redis);
  await saveAsScheduler(redis.client, "5", { user_id: "dave" });
  expect(await store.users("sync")).toEqual(["dave"]);
});
