import { keys } from "../redis/keys.ts";
import { deletionMemory } from "../redis/lifetimes.ts";
import { redisClock } from "../redis/redis-clock.ts";
import { scan } from "../redis/scan.ts";
import { defineScript } from "../redis/script.ts";
import { writeCheck } from "../redis/write-check.ts";
import type { TaskStateContext } from "../task/context.ts";
import { forgetDispatchers } from "./leases.ts";
import { purgeOrphans } from "./orphans.ts";
import { releaseExpiredPermits } from "./permits.ts";
import { searchSidecars } from "./sidecar-search.ts";
import { requeueStranded } from "./stranded.ts";
import { createStreamTasks } from "./stream-tasks.ts";

/** The numbers of repairs. */
export interface Leftovers {
  /** Tasks put back on the work stream, because nothing else would have led a dispatcher to them. */
  requeued: number;
  /** Tasks whose record another program deleted, or whose record expired. */
  purged: number;
  /** Single members that belong to tasks without any other key, or to dead dispatchers. */
  cleared: number;
}

const pieceSize = 500;

/*
 * Removes the members of tasks without record and sidecar. A hidden one among them can make no progress, so its tombstone
 * gets the lifetime of a purged task's.
 * keys   due, inFlight, held, dead, deadLetters, deferredCancels, deleted, unreadable, amended
 * args   recordPrefix, sidecarPrefix, forgetAt (ms), then ids
 * reply  the number of members removed
 */
const forgetScript = defineScript({
  name: "forget",
  keys: ["due", "inFlight", "held", "dead", "deadLetters", "deferredCancels", "deleted", "unreadable", "amended"],
  args: ["recordPrefix", "sidecarPrefix", "forgetAt"],
  lua: `${writeCheck}
check_writes({
  { 'HDEL', deadLetters }, { 'ZREM', due }, { 'ZREM', inFlight }, { 'SREM', held }, { 'ZREM', dead },
  { 'HDEL', deferredCancels }, { 'ZADD', deleted }, { 'ZSCORE', deleted }, { 'ZREM', unreadable }, { 'ZREM', amended },
})
local removed = 0
for index = first, #ARGV do
  local id = ARGV[index]
  if redis.call('EXISTS', recordPrefix .. id, sidecarPrefix .. id) == 0 then
    redis.call('HDEL', deadLetters, id)
    removed = removed + redis.call('ZREM', due, id) + redis.call('ZREM', inFlight, id) + redis.call('SREM', held, id)
      + redis.call('ZREM', dead, id) + redis.call('HDEL', deferredCancels, id)
      + redis.call('ZREM', unreadable, id) + redis.call('ZREM', amended, id)
    if redis.call('ZSCORE', deleted, id) == 'inf' then
      redis.call('ZADD', deleted, forgetAt, id)
      removed = removed + 1
    end
  end
end
return removed`,
});

/*
 * Removes tasks without record and sidecar from a user's parked ones, and the user from the list when none is left.
 * keys   parked (the user's), held, parkedUsers, parkedPace
 * args   user, recordPrefix, sidecarPrefix, then ids
 * reply  the number of members removed
 */
const unparkScript = defineScript({
  name: "forget-parked",
  keys: ["parked", "held", "parkedUsers", "parkedPace"],
  args: ["user", "recordPrefix", "sidecarPrefix"],
  lua: `${writeCheck}
check_writes({
  { 'SREM', held }, { 'ZREM', parked }, { 'EXISTS', parked }, { 'HDEL', parkedPace }, { 'ZREM', parkedUsers },
})
local removed = 0
for index = first, #ARGV do
  local id = ARGV[index]
  if redis.call('EXISTS', recordPrefix .. id, sidecarPrefix .. id) == 0 then
    redis.call('SREM', held, id)
    removed = removed + redis.call('ZREM', parked, id)
  end
end
if redis.call('EXISTS', parked) == 0 then
  redis.call('HDEL', parkedPace, user)
  removed = removed + redis.call('ZREM', parkedUsers, user)
end
return removed`,
});

const prefixes = { recordPrefix: keys.record(""), sidecarPrefix: keys.sidecar("") };

/**
 * Removes from our own keys the leftovers of tasks and dispatchers that are gone, and puts tasks back on the work stream that
 * lost their place there. Safe beside every other call, may be repeated, stops at the signal.
 */
export async function removeLeftovers(context: TaskStateContext, signal?: AbortSignal): Promise<Leftovers> {
  const { primary } = context;
  const { purged, requeued } = await repairSidecars(context, signal);
  const done = (cleared: number): Leftovers => ({ requeued, purged, cleared });
  if (signal?.aborted) return done(0);
  const clock = await redisClock(primary);
  const { now } = clock;
  let cleared = (await releaseExpiredPermits(primary, now)) + (await forgetDispatchers(primary, clock));
  for await (const users of zscan(context, keys.parkedUsers)) {
    if (signal?.aborted) return done(cleared);
    for (const [user] of users) cleared += await forgetParked(context, user);
  }
  for await (const ids of namedIds(context)) {
    if (signal?.aborted) return done(cleared);
    const { due, inFlight, held, dead, deadLetters, deferredCancels, deleted, unreadable, amended } = keys;
    const named = { due, inFlight, held, dead, deadLetters, deferredCancels, deleted, unreadable, amended };
    cleared += Number(await forgetScript(primary, named, { ...prefixes, forgetAt: now + deletionMemory }, ids));
  }
  return done(cleared);
}

/** Searches the sidecars once, for tasks without a record and for tasks without a place. */
async function repairSidecars(context: TaskStateContext, signal?: AbortSignal) {
  const done = { purged: 0, requeued: 0 };
  if (signal?.aborted) return done;
  const stream = createStreamTasks(context.primary);
  // A task behind a longer backlog loses nothing until a later sweep finds it: it would wait at the end.
  const isKnown = await stream.readOn(signal);
  for await (const { orphans, unplaced } of searchSidecars(context, signal)) {
    done.purged += await purgeOrphans(context, orphans);
    if (isKnown) done.requeued += await requeueStranded(context, unplaced, stream);
  }
  return done;
}

async function forgetParked(context: TaskStateContext, user: string): Promise<number> {
  const { held, parkedUsers, parkedPace } = keys;
  const forget = async (ids: readonly string[]) =>
    Number(
      await unparkScript(
        context.primary,
        { parked: keys.parked(user), held, parkedUsers, parkedPace },
        { user, ...prefixes },
        ids,
      ),
    );
  let forgotten = 0;
  for await (const members of zscan(context, keys.parked(user))) forgotten += await forget(members.map(([id]) => id));
  // The user's list is checked even if it holds no task.
  return forgotten + (await forget([]));
}

/** The ids in all keys that hold single ids, in pieces; an id may occur more than once. */
async function* namedIds(context: TaskStateContext): AsyncGenerator<string[], void> {
  const { primary } = context;
  for await (const ids of scan((cursor) => primary.sscan(keys.held, cursor, "COUNT", pieceSize))) yield ids;
  for (const key of [keys.due, keys.inFlight, keys.dead, keys.unreadable, keys.amended]) {
    // A dead letter without a task has the id of a stream entry, and waits for an operator.
    for await (const members of zscan(context, key)) yield members.map(([id]) => id).filter((id) => !isEntryId(id));
  }
  for await (const members of zscan(context, keys.deleted)) {
    yield members.filter(([, until]) => until === "inf").map(([id]) => id);
  }
  // One per cancellation that waits for its confirmation.
  const deferred = Object.keys(await primary.hgetall(keys.deferredCancels));
  for (let from = 0; from < deferred.length; from += pieceSize) yield deferred.slice(from, from + pieceSize);
}

function isEntryId(name: string): boolean {
  return /^\d+-\d+$/.test(name);
}

/** The members of a sorted set with their scores, in pieces. */
async function* zscan({ primary }: TaskStateContext, key: string): AsyncGenerator<[member: string, score: string][]> {
  for await (const flat of scan((cursor) => primary.zscan(key, cursor, "COUNT", pieceSize))) {
    const members: [string, string][] = [];
    for (let index = 0; index + 1 < flat.length; index += 2) members.push([flat[index] ?? "", flat[index + 1] ?? ""]);
    yield members;
  }
}
