import { expect, test } from "vitest";
import { findSequenceFault, keys, type Submission, type TaskStore } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import {
  alice,
  bob,
  contents,
  foreignRecord,
  idsOf,
  openStore,
  readable,
  saveAsScheduler,
  workIds,
} from "./support.ts";

const redis = useRedis();

/** Both ways to submit: gathered with others, and once for an idempotency key. */
const ways: [name: string, submit: (store: TaskStore, number: number) => Promise<string>][] = [
  ["a submission", (store) => store.submit(alice, {})],
  ["a submission with a key", async (store, number) => idOf(await store.submitOnce(alice, {}, `key ${number}`))],
];

function idOf({ outcome, id }: Submission): string {
  expect(outcome).toBe("submitted");
  return id;
}

async function fill(count: number): Promise<string[]> {
  const { store } = openStore(redis);
  return Promise.all(Array.from({ length: count }, () => store.submit(bob, {})));
}

/** The records of these ids as stored. */
async function recordsOf(ids: readonly string[]): Promise<(string | null)[]> {
  return redis.client.mget(...ids.map(keys.record));
}

const setBack: [name: string, value: string | undefined][] = [
  ["deleted", undefined],
  ["set to 0", "0"],
  ["negative", "-5"],
  ["restored from an old dump", "3"],
];

for (const [way, submit] of ways) {
  test.each(setBack)(`${way} after the sequence was %s goes on behind the living tasks`, async (_, value) => {
    const living = await fill(20);
    const before = await recordsOf(living);
    await (value === undefined ? redis.client.del(keys.sequence) : redis.client.set(keys.sequence, value));
    const { store } = openStore(redis);
    expect(await submit(store, 1)).toBe("21");
    expect(await submit(store, 2)).toBe("22");
    expect(await recordsOf(living)).toEqual(before);
    expect(await redis.client.get(keys.sequence)).toBe("22");
  });

  test.each([
    "abc",
    "",
    "1.5",
    " 7",
    "007",
    "+7",
    "1e3",
    "99999999999999999999",
    "-99999999999999999999",
    "9223372036854775807",
  ])(`${way} with %j for a sequence is refused, and nothing is changed`, async (value) => {
    await redis.client.set(keys.sequence, value);
    const { store } = openStore(redis);
    await expect(submit(store, 1)).rejects.toMatchObject({ name: "TaskStateError", code: "sequence_damaged" });
    expect(await contents(redis.client)).toEqual({ [keys.sequence]: value });
    expect(await findSequenceFault(redis.client)).toBe("sequence_damaged");
  });

  test(`${way} with a sequence of another type is refused, and nothing is changed`, async () => {
    await redis.client.rpush(keys.sequence, "7");
    const { store } = openStore(redis);
    await expect(submit(store, 1)).rejects.toMatchObject({ code: "sequence_damaged" });
    expect(await contents(redis.client)).toEqual({ [keys.sequence]: ["7"] });
    expect(await findSequenceFault(redis.client)).toBe("sequence_damaged");
  });

  test.each([
    ["9007199254740991", ["9007199254740992", "9007199254740993", "9007199254740994"]],
    ["9007199254740997", ["9007199254740998", "9007199254740999", "9007199254741000"]],
    ["999999999", ["1000000000", "1000000001", "1000000002"]],
    ["9999999999999998", ["9999999999999999", "10000000000000000", "10000000000000001"]],
    ["999999999999999999", ["1000000000000000000", "1000000000000000001", "1000000000000000002"]],
    ["9223372036854775804", ["9223372036854775805", "9223372036854775806", "9223372036854775807"]],
  ])(`${way} after %s has an exact id`, async (value, expected) => {
    await redis.client.set(keys.sequence, value);
    const { store } = openStore(redis);
    for (const [number, id] of expected.entries()) {
      expect(await submit(store, number)).toBe(id);
      expect(readable(await store.get(id, alice)).task_id).toBe(id);
      expect(await redis.client.get(keys.sequence)).toBe(id);
    }
  });

  test.each([
    ["a record", () => redis.client.set(keys.record("1"), foreignRecord("1"))],
    ["metadata", () => redis.client.hset(keys.metadata("1"), { service: "sync" })],
    ["a sidecar", () => redis.client.hset(keys.sidecar("1"), { phase: "sent" })],
    ["a tombstone", () => redis.client.zadd(keys.deleted, "+inf", "1")],
  ])(`${way} passes over a number that %s uses`, async (_, occupy) => {
    await occupy();
    const before = await contents(redis.client);
    const { store } = openStore(redis);
    expect(await submit(store, 1)).toBe("2");
    expect(await contents(redis.client)).toMatchObject(before);
  });

  test(`${way} passes over thousands of records that no index knows within a few calls`, async () => {
    const others = Array.from({ length: 2500 }, (_, index) => String(index + 1));
    await redis.client.mset(others.flatMap((id) => [keys.record(id), foreignRecord(id)]));
    const { store } = openStore(redis);
    for (const reached of ["1001", "2002"]) {
      expect(await findSequenceFault(redis.client)).toBe("ids_taken");
      await expect(submit(store, 1)).rejects.toMatchObject({ code: "ids_taken" });
      expect(await redis.client.get(keys.sequence)).toBe(reached);
      expect(await redis.client.exists(keys.work, keys.tasks)).toBe(0);
    }
    expect(await findSequenceFault(redis.client)).toBeUndefined();
    expect(await submit(store, 1)).toBe("2501");
  });

  test(`${way} jumps over thousands of indexed records at once, and over those that follow unindexed`, async () => {
    const ids = Array.from({ length: 3000 }, (_, index) => String(index + 1));
    await redis.client.zadd(keys.ordered(keys.tasks), ...ids.flatMap((id) => [id, id]));
    const all = [...ids, "3001", "3002"];
    await redis.client.mset(all.flatMap((id) => [keys.record(id), foreignRecord(id)]));
    const { store } = openStore(redis);
    expect(await submit(store, 1)).toBe("3003");
  });

  test.each([
    ["a missing one", undefined],
    ["3", "3"],
  ])(`${way} after %s goes on below ids that other programs use at the end of the numbers`, async (_, value) => {
    const living = await fill(5);
    const last = ["9223372036854775805", "9223372036854775806", "9223372036854775807"];
    for (const id of last) await saveAsScheduler(redis.client, id);
    await redis.client.zadd(keys.ordered(keys.tasks), ...last.flatMap((id) => [id, id]));
    await (value === undefined ? redis.client.del(keys.sequence) : redis.client.set(keys.sequence, value));
    const before = await recordsOf([...living, ...last]);
    const { store } = openStore(redis);
    for (const [number, id] of ["6", "7", "8"].entries()) {
      expect(await findSequenceFault(redis.client)).toBeUndefined();
      expect(await submit(store, number)).toBe(id);
    }
    expect(await recordsOf([...living, ...last])).toEqual(before);
  });

  test(`${way} is refused, and known to be, when every id after the sequence is in use`, async () => {
    await redis.client.set(keys.sequence, "9223372036854775805");
    for (const id of ["9223372036854775806", "9223372036854775807"]) {
      await redis.client.set(keys.record(id), foreignRecord(id));
    }
    const { store } = openStore(redis);
    expect(await findSequenceFault(redis.client)).toBe("sequence_damaged");
    await expect(submit(store, 1)).rejects.toMatchObject({ code: "sequence_damaged" });
    await redis.client.del(keys.sequence);
    expect(await submit(store, 1)).toBe("1");
  });

  test(`${way} does not jump to the end of all numbers because of a record there`, async () => {
    await saveAsScheduler(redis.client, "1");
    await redis.client.zadd(keys.ordered(keys.tasks), "9223372036854775807", "9223372036854775807", 1, "1");
    const { store } = openStore(redis);
    expect(await submit(store, 1)).toBe("2");
  });
}

test("submitters that run together while the sequence is lost again and again never overwrite a task", async () => {
  const stores = [openStore(redis).store, openStore({ ...redis, client: redis.connect() }).store];
  const accepted: { id: string; mark: string }[] = [];
  const submitters = stores.flatMap((store, side) =>
    Array.from({ length: 8 }, async (_, worker) => {
      for (let round = 0; round < 25; round += 1) {
        const mark = `${side} ${worker} ${round}`;
        const id =
          round % 2 === 0 ? await store.submit(alice, { mark }) : idOf(await store.submitOnce(alice, { mark }, mark));
        accepted.push({ id, mark });
      }
    }),
  );
  const values = ["1", "-7", undefined, "0", "40"];
  let over = false;
  const spoiling = (async () => {
    for (let index = 0; !over; index += 1) {
      const value = values[index % values.length];
      await (value === undefined ? redis.client.del(keys.sequence) : redis.client.set(keys.sequence, value));
      await redis.client.set(
        keys.record(String(accepted.length + 20)),
        foreignRecord(String(accepted.length + 20)),
        "NX",
      );
    }
  })();
  await Promise.all(submitters);
  over = true;
  await spoiling;
  expect(accepted).toHaveLength(400);
  const ids = accepted.map(({ id }) => id);
  expect(new Set(ids).size).toBe(400);
  const records = (await recordsOf(ids)).map(readable);
  expect(records.map(({ task_id, parameters }) => ({ id: task_id, mark: parameters.mark }))).toEqual(accepted);
  expect((await workIds(redis.client)).sort()).toEqual([...ids].sort());
});

test("a reason for operators is given once a minute, not with every submission", async () => {
  await redis.client.set(keys.sequence, "abc");
  const faults: string[] = [];
  const { store } = openStore(redis, { onSequenceFault: (fault) => faults.push(fault) });
  for (let round = 0; round < 3; round += 1) {
    await expect(store.submit(alice, {})).rejects.toThrow("an operator must set it right");
    await expect(store.submitOnce(alice, {}, "key")).rejects.toThrow("an operator must set it right");
  }
  expect(faults).toEqual(["sequence_damaged"]);
  await redis.client.set(keys.sequence, "17");
  expect(await store.submit(alice, {})).toBe("18");
});

test.each([
  ["9007199254740990", 40],
  ["9999999999999990", 40],
  ["1152921504606846970", 300],
])("pages from %s on show each task once, in order, both ways", async (start, count) => {
  await redis.client.set(keys.sequence, start);
  const { store } = openStore(redis);
  const ids = Array.from({ length: count }, (_, index) => String(BigInt(start) + BigInt(index + 1)));
  for (let index = 0; index < count; index += 1) await store.submit(alice, {});
  for (const [order, expected] of [
    ["asc", ids],
    ["desc", ids.toReversed()],
  ] as const) {
    for (const limit of [1, 3, 7, 1000]) {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.page({}, { limit, order, ...(cursor === undefined ? {} : { cursor }) });
        seen.push(...idsOf(page.tasks));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      expect(seen, `${order} ${limit}`).toEqual(expected);
    }
  }
});
