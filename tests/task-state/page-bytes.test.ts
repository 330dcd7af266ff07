import { expect, test } from "vitest";
import { type DeadLetter, keys, type Order, readDeadLetters, type TaskStore } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { alice, commandsDuring, foreignRecord, idsOf, openStore, piecesOf, saveAsScheduler } from "./support.ts";

const redis = useRedis();
const KiB = 1024;
const pageBytes = 1024 * KiB;
const pieceBytes = 144 * KiB;
const filler = "x".repeat(64 * KiB);

async function submitLarge(count: number): Promise<TaskStore> {
  const { store } = openStore(redis);
  await Promise.all(Array.from({ length: count }, () => store.submit(alice, { filler })));
  return store;
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1));
const bytesOf = (raws: readonly string[]) => raws.reduce((sum, raw) => sum + Buffer.byteLength(raw), 0);

async function walk(store: TaskStore, order: Order): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await store.page(alice, { limit: 1000, order, ...(cursor === undefined ? {} : { cursor }) });
    pages.push(page.tasks);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return pages;
}

test.each(["asc", "desc"] as const)("pages of large tasks hold 1 MiB, and each task once (%s)", async (order) => {
  const store = await submitLarge(50);
  const pages = await walk(store, order);
  expect(idsOf(pages.flat())).toEqual(order === "asc" ? numbers(50) : numbers(50).reverse());
  for (const page of pages) expect(bytesOf(page)).toBeLessThanOrEqual(pageBytes);
  for (const page of pages.slice(0, -1)) expect(bytesOf(page)).toBeGreaterThan(pageBytes / 2);
});

test("a limit still cuts a page of large tasks, and next_cursor goes on behind it", async () => {
  const store = await submitLarge(8);
  const first = await store.page({}, { limit: 3, order: "asc" });
  expect([idsOf(first.tasks), first.nextCursor]).toEqual([["1", "2", "3"], "3"]);
  const rest = await store.page({}, { limit: 5, order: "asc", cursor: "3" });
  expect([idsOf(rest.tasks), rest.nextCursor]).toEqual([["4", "5", "6", "7", "8"], undefined]);
});

test("a task that is larger than a page is on a page, whatever is around it", async () => {
  const store = await submitLarge(3);
  const parameters = { filler: "y".repeat(2 * pageBytes) };
  await redis.client.set(keys.record("2"), foreignRecord("2", { parameters }));
  for (const order of ["asc", "desc"] as const) {
    const ids = (await walk(store, order)).map(idsOf);
    expect(ids.flat().sort()).toEqual(["1", "2", "3"]);
    expect(ids.length).toBeGreaterThan(1);
  }
  expect(idsOf((await piecesOf(store.all({}))).flat())).toEqual(["1", "2", "3"]);
});

test("a whole list of large tasks comes in pieces of 144 KiB, each asked for when it is taken", async () => {
  const store = await submitLarge(40);
  const next = store.pieces({});
  const commands = await commandsDuring(redis, async () => {
    const piece = await next();
    expect(bytesOf(piece?.tasks ?? [])).toBeLessThanOrEqual(pieceBytes);
  });
  // One looks for tasks of other programs, one reads records.
  expect(commands.filter(([name]) => name === "evalsha" || name === "eval")).toHaveLength(2);
  const pieces = await piecesOf(store.all({}));
  expect(idsOf(pieces.flat())).toEqual(numbers(40));
  for (const piece of pieces) expect(bytesOf(piece)).toBeLessThanOrEqual(pieceBytes);
});

test("a task that is deleted while a reader waits is not in the pieces that follow, though a replica still has it", async () => {
  const store = await submitLarge(12);
  const raws = await redis.client.mget(numbers(12).map(keys.record));
  const next = store.pieces({});
  const seen = idsOf((await next())?.tasks ?? []);
  await store.delete("9");
  await redis.client.set(keys.record("9"), raws[8] ?? "");
  for (let piece = await next(); piece; piece = await next()) seen.push(...idsOf(piece.tasks));
  expect(seen).toEqual(numbers(12).filter((id) => id !== "9"));
});

test("a list with a key of another type under a task's name shows the tasks around it", async () => {
  const store = await submitLarge(3);
  await redis.client.del(keys.record("2"));
  await redis.client.hset(keys.record("2"), "not", "a record");
  expect(idsOf((await piecesOf(store.all({}))).flat())).toEqual(["1", "3"]);
});

test("an index that is updated reads large records by bytes", async () => {
  const { store } = openStore(redis);
  for (const id of numbers(40)) await saveAsScheduler(redis.client, id, { parameters: { filler } });
  const commands = await commandsDuring(redis, () => store.repair());
  expect(commands.map(([name]) => name)).not.toContain("mget");
  const reads = commands.filter(([name, , , prefix]) => /^eval/.test(name ?? "") && prefix === keys.record(""));
  expect(reads.length).toBeGreaterThanOrEqual((40 * filler.length) / pieceBytes);
  expect(idsOf((await walk(store, "asc")).flat())).toEqual(numbers(40));
});

test("pages of dead letters are cut by bytes, and each letter is on one of them", async () => {
  const at = Date.parse("2026-11-24T00:00:00Z");
  const names = numbers(60).map((id) => `${id}-0`);
  for (const [index, name] of names.entries()) {
    const letter: DeadLetter = { task_id: name, request: "read", attempts: 1, error: filler, at: "2026-11-24" };
    // Several of the same ms.
    await redis.client.zadd(keys.dead, at + Math.floor(index / 7), name);
    await redis.client.hset(keys.deadLetters, name, JSON.stringify(letter));
  }
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await readDeadLetters(redis.client, 1000, cursor);
    expect(Buffer.byteLength(JSON.stringify(page.letters))).toBeLessThanOrEqual(pageBytes + KiB);
    seen.push(...page.letters.map(({ task_id }) => task_id));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  expect(seen).toHaveLength(60);
  expect(seen.toSorted()).toEqual(names.toSorted());
});
