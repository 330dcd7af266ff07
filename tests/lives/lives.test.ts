import { expect, test } from "vitest";
import { mend } from "../../functions/background/janitor/janitor.ts";
import { deletionMemory, dispatchGroup, keys, type Owner, promoteDue } from "../../task-state/index.ts";
import type { SchedulerReply, SchedulerRequest } from "../dispatcher/scheduler.ts";
import { useDispatcher } from "../dispatcher/support.ts";
import { collectLog, testConfig } from "../support/services.ts";
import { until } from "../support/until.ts";
import { openStore, taskIn } from "../task-state/support.ts";
import { type Census, census } from "./census.ts";
import { type Kind, kinds, type Stage, type Treatment } from "./kinds.ts";

const bench = useDispatcher();
const lives = 10_000;
/** Rounds of all kinds: on the fast path, and under limits. */
const rounds = [
  { DMS_EVENT_WORKER_COUNT: "64", DMS_DISPATCH_MAX_ATTEMPTS: "2" },
  {
    DMS_EVENT_WORKER_COUNT: "64",
    DMS_DISPATCH_MAX_ATTEMPTS: "2",
    DMS_DISPATCH_MAX_IN_FLIGHT: "48",
    DMS_DISPATCH_MAX_IN_FLIGHT_PER_USER: "16",
  },
];
const livesOfEach = Math.ceil(lives / kinds.length / rounds.length);
const longest = { timeoutMs: 60_000 };

/** The scheduler by the treatment that a user's name begins with; it comes to its senses when an operator tries again. */
function treat(seen: Set<string>, { kind, id, user }: SchedulerRequest): SchedulerReply {
  const treatment = user.split("-")[0] as Treatment;
  const first = !seen.has(`${kind} ${id}`);
  seen.add(`${kind} ${id}`);
  if (kind === "cancel") return treatment === "deaf" ? 429 : 202;
  switch (treatment) {
    case "refused":
      return { status: 422, detail: "No such path" };
    case "failing":
      return 429;
    case "doubtful":
      return first ? 500 : 202;
    default:
      return 202;
  }
}

interface Cast {
  readonly kind: Kind;
  readonly owner: Owner;
  readonly ids: readonly string[];
}

/** Lives so many tasks of every kind to their ends, with a dispatcher of these settings. @returns the ids of all */
async function live(stage: Stage, environment: Record<string, string>): Promise<string[]> {
  const owners = kinds.map(({ treatment = "accepted" }, index) => {
    return { service: index % 2 === 0 ? "sync" : "rm", user: `${treatment}-${index}` };
  });
  for (const { user } of owners.filter(({ user }) => user.startsWith("blocked"))) {
    await stage.client.set(keys.blocksUser(user), '{"blocked":true}');
  }
  const cast = await Promise.all(
    kinds.map(async (kind, index): Promise<Cast> => {
      const owner = owners[index] as Owner;
      const submit = () => Promise.all(Array.from({ length: livesOfEach }, () => stage.store.submit(owner, {})));
      return { kind, owner, ids: await (kind.begin?.(stage, owner, livesOfEach) ?? submit()) };
    }),
  );
  const act = (turn: "waiting" | "busy" | "settled" | "ended") =>
    Promise.all(cast.map(({ kind, ids, owner }) => kind[turn]?.(stage, ids, owner)));
  await act("waiting");
  const dispatcher = await bench.start(environment);
  await act("busy");
  await untilSettled(stage);
  await act("settled");
  await untilSettled(stage);
  await act("ended");
  await untilSettled(stage);
  await dispatcher.stop();
  return cast.flatMap(({ ids }) => ids);
}

/** Waits until the dispatcher has nothing left to do, but for blocked users. */
async function untilSettled({ client }: Stage): Promise<void> {
  await until(async () => {
    const replies = await client
      .multi()
      .xinfo("GROUPS", keys.work)
      .zcard(keys.due)
      .zrange(keys.parkedUsers, "0", "-1")
      .exec();
    const [groups, due, users] = (replies ?? []).map(([, reply]) => reply) as [unknown[][], number, string[]];
    const group = groups.find((fields) => fields.includes(dispatchGroup)) ?? [];
    const field = (name: string) => group[group.indexOf(name) + 1];
    return field("lag") === 0 && field("pending") === 0 && due === 0 && users.every((user) => /^blocked/.test(user));
  }, longest);
}

/** Lets the records of tasks expire; of every other task its sidecar too, as if nobody had been there for an hour. */
async function expire({ client }: Stage, ids: readonly string[]): Promise<void> {
  await client.del(...ids.flatMap((id) => [keys.record(id), keys.metadata(id)]));
  await client.del(...ids.filter((_, index) => index % 2 === 0).map(keys.sidecar));
}

/** Makes all deletions older than they are remembered, and lets the numbers without a record be forgotten. */
async function age({ client }: Stage): Promise<void> {
  const ids = await client.zrange(keys.deleted, "-inf", String(Date.now() + deletionMemory), "BYSCORE");
  await client.zadd(keys.deleted, "XX", ...ids.flatMap((id) => [1, id]));
  if ((await client.exists(keys.unwritten)) === 1) expect(await client.ttl(keys.unwritten)).toBeGreaterThan(0);
  await client.del(keys.unwritten);
}

function without(counts: Census, ...names: string[]): Census {
  return Object.fromEntries(Object.entries(counts).filter(([name]) => !names.includes(name)));
}

test("after 10,000 lives that have ended in every way, all keys and members are back to where they began", {
  timeout: 180_000,
}, async () => {
  const opened = openStore(bench.redis, { idempotencyTtlSeconds: 1 });
  const stage: Stage = { ...opened, client: bench.redis.client };
  const { log } = collectLog(testConfig(bench.redis.url));
  const round = () => mend({ ...opened, log });
  const seen = new Set<string>();
  bench.scheduler.answer((request) => treat(seen, request));
  // These live on: whatever is left of others, nothing of them may go.
  for (const kind of ["sent", "registered", "foreign"] as const) await taskIn(kind, opened);
  await round();
  // The clock is kept for ever, in one short text.
  await promoteDue(stage.client, 0);
  const before = without(await census(stage.client), keys.work);
  let lived = 0;
  for (const environment of rounds) {
    const ids = await live(stage, environment);
    lived += ids.length;
    await expire(stage, ids);
    await round();
    await until(async () => (await stage.client.keys(keys.idempotency("*"))).length === 0);
    const blocked = await stage.client.keys(keys.blocksUser("*"));
    // Deletions and numbers without a record are remembered, for as long as it is documented.
    const { [keys.work]: entries, ...left } = await census(stage.client);
    expect(entries).toBe(0);
    expect(without(left, keys.deleted, keys.deletedOwners, keys.unwritten, ...blocked)).toEqual(before);
    await age(stage);
    await round();
    expect(without(await census(stage.client), keys.work, keys.unwritten, ...blocked)).toEqual(before);
  }
  expect(lived).toBeGreaterThanOrEqual(lives);
});
