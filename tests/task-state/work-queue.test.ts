import { expect, test } from "vitest";
import {
  acknowledge,
  claim,
  commit,
  dispatchGroup,
  ensureGroup,
  keys,
  readEntries,
  reclaimEntries,
  trimAcknowledged,
  type WorkEntry,
} from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, openStore, workIds } from "./support.ts";

const redis = useRedis();
const read = (consumer = "a", count = 10): Promise<WorkEntry[]> =>
  readEntries(redis.client, { consumer, count, blockMs: 0 });
const takeOver = async (leaseMs: number, count = 10) => {
  await ensureGroup(redis.client);
  return (await reclaimEntries(redis.client, { consumer: "b", count, leaseMs })).entries;
};
const ids = (entries: readonly WorkEntry[]) => entries.map(({ taskId }) => taskId);

async function submitted(count: number): Promise<string[]> {
  const { store } = openStore(redis);
  return Promise.all(Array.from({ length: count }, () => store.submit(alice, {})));
}

/** What KEDA reads, and how many entries wait for their acknowledgement. */
async function group(): Promise<{ lag: unknown; pending: unknown }> {
  const [flat] = (await redis.client.xinfo("GROUPS", keys.work)) as unknown[][];
  const field = (name: string) => flat?.[flat.indexOf(name) + 1];
  return { lag: field("lag"), pending: field("pending") };
}

/** Resolves when a client of the server waits for new entries. */
async function untilSomebodyWaits(): Promise<void> {
  let clients: unknown;
  do clients = await redis.client.client("LIST", "TYPE", "NORMAL");
  while (!/flags=b.*cmd=xreadgroup/.test(String(clients)));
}

test("entries are read in the order of submission, each by one consumer", async () => {
  await submitted(5);
  const [first, second] = [await read("a", 3), await read("b", 3)];
  expect([ids(first), ids(second)]).toEqual([
    ["1", "2", "3"],
    ["4", "5"],
  ]);
  expect(await read("a")).toEqual([]);
});

test("tasks that were submitted before the group existed are read", async () => {
  await submitted(2);
  await ensureGroup(redis.client);
  expect(ids(await read())).toEqual(["1", "2"]);
});

test("the group may be ensured any number of times, and at once", async () => {
  await Promise.all([ensureGroup(redis.client), ensureGroup(redis.connect())]);
  await submitted(1);
  await read();
  await ensureGroup(redis.client);
  expect(await group()).toEqual({ lag: 0, pending: 1 });
});

test("a reader that waits is woken by a submission", async () => {
  const waiting = readEntries(redis.connect(), { consumer: "a", count: 10, blockMs: 15_000 });
  await untilSomebodyWaits();
  await submitted(1);
  expect(ids(await waiting)).toEqual(["1"]);
});

test("a reader that waits in vain comes back with nothing", async () => {
  expect(await readEntries(redis.connect(), { consumer: "a", count: 10, blockMs: 5 })).toEqual([]);
});

test("a reader that waits survives the loss of the whole stream and reads what comes after", async () => {
  await ensureGroup(redis.client);
  const waiting = readEntries(redis.connect(), { consumer: "a", count: 10, blockMs: 15_000 });
  await untilSomebodyWaits();
  await redis.client.flushall();
  await untilSomebodyWaits();
  await submitted(1);
  expect(ids(await waiting)).toEqual(["1"]);
});

test.each(["read", "takeOver"] as const)("%s creates the group again when it is lost", async (verb) => {
  await submitted(1);
  await read();
  await redis.client.flushall();
  await submitted(1);
  expect(ids(verb === "read" ? await read() : await takeOver(0))).toEqual(verb === "read" ? ["1"] : []);
  expect(await group()).toMatchObject({ pending: verb === "read" ? 1 : 0 });
});

test.each([
  ["another field", ["task", "1"]],
  ["an empty id", ["id", ""]],
  ["a key of another kind", ["id", "1:metadata"]],
  ["the sequence's name", ["id", "id:sequence"]],
  ["a control character", ["id", "a\u0000b"]],
  ["more than 256 bytes", ["id", "x".repeat(257)]],
  ["the id in second place", ["x", "y", "id", "1"]],
])("an entry with %s names no task and is never claimed", async (_, fields) => {
  const { context } = openStore(redis);
  await redis.client.xadd(keys.work, "*", ...fields);
  const entries = await read();
  expect(entries).toEqual([{ entryId: expect.stringMatching(/^\d+-\d+$/), taskId: undefined }]);
  expect((await claim(context, entries, { holder: "a", leaseMs: 1000 })).claimed).toEqual([]);
  await acknowledge(redis.client, entries[0]?.entryId ?? "");
  await trimAcknowledged(redis.client);
  expect(await redis.client.xlen(keys.work)).toBe(0);
  expect(await group()).toEqual({ lag: 0, pending: 0 });
});

test("an entry is taken over once its consumer has been silent long enough, and not before", async () => {
  await submitted(2);
  const [first] = await read("a");
  expect(await takeOver(60_000)).toEqual([]);
  await redis.client.xclaim(keys.work, dispatchGroup, "a", 0, first?.entryId ?? "", "IDLE", 60_000);
  expect(await takeOver(60_000)).toEqual([first]);
  expect(await takeOver(60_000)).toEqual([]);
});

test("a take-over is bounded, and leaves out entries that are gone from the stream", async () => {
  await submitted(4);
  const [, , third] = await read("a");
  expect(ids(await takeOver(0, 2))).toEqual(["1", "2"]);
  await redis.client.xdel(keys.work, third?.entryId ?? "");
  expect(ids(await takeOver(0))).toEqual(["4"]);
});

test("an acknowledged entry is gone, and acknowledging it again is harmless", async () => {
  await submitted(2);
  const [first] = await read();
  await acknowledge(redis.client, first?.entryId ?? "");
  await acknowledge(redis.client, first?.entryId ?? "");
  await trimAcknowledged(redis.client);
  expect(await workIds(redis.client)).toEqual(["2"]);
  expect(await group()).toEqual({ lag: 0, pending: 1 });
});

test("an entry that was never read is not acknowledged, and stays to be read", async () => {
  const [id] = await submitted(1);
  const [[entryId] = [""]] = await redis.client.xrange(keys.work, "-", "+");
  await acknowledge(redis.client, entryId);
  await ensureGroup(redis.client);
  await acknowledge(redis.client, entryId);
  expect(ids(await read())).toEqual([id]);
});

test("acknowledged entries do not outlive the pending one before them, and nothing is left when all are done", async () => {
  const [first, ...others] = await submitted(4).then(() => read());
  for (const { entryId } of others) await acknowledge(redis.client, entryId);
  await submitted(1);
  await acknowledge(redis.client, first?.entryId ?? "");
  await trimAcknowledged(redis.client);
  expect(await workIds(redis.client)).toEqual(["5"]);
  const [last] = await read();
  await acknowledge(redis.client, last?.entryId ?? "");
  await trimAcknowledged(redis.client);
  expect(await redis.client.xlen(keys.work)).toBe(0);
});

test("the lag is known while a dispatcher that died still has an entry and all newer ones are done", async () => {
  const { context } = openStore(redis);
  await submitted(3);
  await read("dead", 1);
  const { claimed } = await claim(context, await read("b"), { holder: "b", leaseMs: 1000 });
  for (const { view, entry } of claimed) {
    expect(await commit(context, view, { acknowledge: entry.entryId })).toBeDefined();
  }
  await submitted(2);
  expect(await group()).toEqual({ lag: 2, pending: 1 });
});

test("the lag shows what is unread at every moment, whatever is acknowledged, in which order", async () => {
  await submitted(5);
  await ensureGroup(redis.client);
  expect(await group()).toEqual({ lag: 5, pending: 0 });
  const entries = await read("a", 3);
  for (const [index, { entryId }] of entries.toReversed().entries()) {
    await acknowledge(redis.client, entryId);
    await trimAcknowledged(redis.client);
    expect(await group()).toEqual({ lag: 2, pending: 2 - index });
  }
  await submitted(2);
  expect(await group()).toEqual({ lag: 4, pending: 0 });
  for (const { entryId } of await read()) await acknowledge(redis.client, entryId);
  expect(await group()).toEqual({ lag: 0, pending: 0 });
  await submitted(1);
  expect(await group()).toEqual({ lag: 1, pending: 0 });
});

test("the lag stays a number when unread tasks are cancelled, deleted and claimed", async () => {
  const { store, context } = openStore(redis);
  await submitted(6);
  await read("a", 2).then((entries) => claim(context, entries, { holder: "a", leaseMs: 1000 }));
  await store.cancel("3");
  await store.delete("4");
  await store.delete("1");
  expect(await group()).toEqual({ lag: 4, pending: 2 });
  await claim(context, await read("b"), { holder: "b", leaseMs: 1000 });
  expect(await group()).toEqual({ lag: 0, pending: 5 });
});
