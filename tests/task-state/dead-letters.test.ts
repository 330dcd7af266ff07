import { expect, test } from "vitest";
import {
  type DeadLetter,
  type DeadLetterPage,
  discardDeadLetter,
  keys,
  readDeadLetters,
  recordMalformedEntry,
} from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, change, commandsDuring, openStore } from "./support.ts";

const redis = useRedis();
const letter = { request: "submit", attempts: 3, error: "503" } as const;

/** Makes dead letters of tasks, one after the other. */
async function giveUp(count: number): Promise<string[]> {
  const { store, context } = openStore(redis);
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const id = await store.submit(alice, {});
    await change(context, id, { deadLetter: letter });
    ids.push(id);
  }
  return ids;
}

/** All letters page by page, and how many pages there were. */
async function readAll(limit: number): Promise<{ letters: DeadLetter[]; pages: number }> {
  const letters: DeadLetter[] = [];
  let [cursor, pages]: [string | undefined, number] = [undefined, 0];
  do {
    const page: DeadLetterPage = await readDeadLetters(redis.client, limit, cursor);
    letters.push(...page.letters);
    cursor = page.nextCursor;
    pages += 1;
  } while (cursor !== undefined);
  return { letters, pages };
}

const idsOf = (letters: readonly DeadLetter[]) => letters.map(({ task_id }) => task_id);

test("a letter names the task, what was attempted, how often, the last error and when", async () => {
  const before = Date.now();
  const [id] = await giveUp(1);
  const { letters, ...rest } = await readDeadLetters(redis.client, 10);
  expect(letters).toEqual([{ task_id: id, service: "sync", user_id: "alice", ...letter, at: expect.any(String) }]);
  expect(rest).toEqual({});
  expect(Date.parse(letters[0]?.at ?? "")).toBeGreaterThanOrEqual(before - 1000);
  expect(Date.parse(letters[0]?.at ?? "")).toBeLessThanOrEqual(Date.now() + 1000);
});

test("no dead letter: an empty page, the only one", async () => {
  expect(await readDeadLetters(redis.client, 10)).toEqual({ letters: [] });
});

test.each([1, 3, 7, 10, 20, 21, 100])("pages of %i show every letter once, oldest first", async (limit) => {
  const ids = await giveUp(20);
  const { letters, pages } = await readAll(limit);
  expect(pages).toBe(Math.ceil(20 / limit));
  expect(idsOf(letters).toSorted()).toEqual(ids.toSorted());
  const times = letters.map(({ at }) => at);
  expect(times).toEqual(times.toSorted());
});

test("letters of the same moment are not lost between pages", async () => {
  const names = Array.from({ length: 25 }, (_, index) => String(index + 1));
  for (const name of names) {
    await redis.client.zadd(keys.dead, 1_800_000_000_000 + (Number(name) > 20 ? 1 : 0), name);
    await redis.client.hset(keys.deadLetters, name, JSON.stringify({ task_id: name, ...letter, at: "t" }));
  }
  for (const limit of [1, 4, 20, 24]) {
    const { letters } = await readAll(limit);
    expect(idsOf(letters).toSorted()).toEqual(names.toSorted());
  }
});

test("a page costs the same, however many letters there are", async () => {
  await giveUp(5);
  const read = () => commandsDuring(redis, () => readDeadLetters(redis.client, 5));
  const few = await read();
  await giveUp(100);
  const many = await read();
  expect(many.map(([name]) => name)).toEqual(few.map(([name]) => name));
  expect(many.flat().length).toBe(few.flat().length);
});

test("a task that becomes a dead letter again has one letter, the latest", async () => {
  const { context } = openStore(redis);
  const [id = ""] = await giveUp(1);
  await change(context, id, { deadLetter: { request: "cancel", attempts: 9, error: "500" } });
  const { letters } = await readDeadLetters(redis.client, 10);
  expect(letters).toMatchObject([{ task_id: id, request: "cancel", attempts: 9, error: "500" }]);
});

test("a discarded letter is given once", async () => {
  const [first = "", second] = await giveUp(2);
  expect(await discardDeadLetter(redis.client, first)).toMatchObject({ task_id: first, ...letter });
  expect(await discardDeadLetter(redis.client, first)).toBeUndefined();
  expect(await discardDeadLetter(redis.client, "__proto__")).toBeUndefined();
  expect(idsOf((await readAll(10)).letters)).toEqual([second]);
});

test("a purged task leaves no letter", async () => {
  const { context } = openStore(redis);
  const [id = ""] = await giveUp(1);
  await change(context, id, { remove: "purge" });
  expect(await redis.client.exists(keys.dead, keys.deadLetters)).toBe(0);
});

test("a malformed entry has a letter under its own id, once however often it is met", async () => {
  await recordMalformedEntry(redis.client, "1800000000000-3");
  await recordMalformedEntry(redis.client, "1800000000000-3");
  const { letters } = await readDeadLetters(redis.client, 10);
  expect(letters).toEqual([
    {
      task_id: "1800000000000-3",
      request: "read",
      attempts: 1,
      error: "The entry names no task",
      at: expect.any(String),
    },
  ]);
  expect(await discardDeadLetter(redis.client, "1800000000000-3")).toBeDefined();
  expect(await redis.client.exists(keys.dead, keys.deadLetters)).toBe(0);
});
