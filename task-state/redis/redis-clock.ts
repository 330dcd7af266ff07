import type { Redis } from "ioredis";
import { keys } from "./keys.ts";
import { defineScript } from "./script.ts";

/*
 * Redis's own clock may be set while tasks are under way: by hand, by NTP, by a failover to another machine. Redis therefore
 * stores two clocks, which every script that needs the time advances:
 * - `now` continues while no script runs, but a jump counts only as far as the calling process saw time pass as well. It is
 *   the base of due times, waits, ages and limits;
 * - `watched` counts only the time in which scripts read it again and again. It is the base of leases and of the grace: it
 *   stands still while Redis is unavailable or refuses writes, so no lease expires meanwhile.
 * Neither ever goes back by more than `unsaved`.
 */

/** Longest time between two readings that counts as watched, in ms. An idle dispatcher reads twice a second. */
const longestGap = 500;
/** Time after which a reading is stored, in ms: a clock that is read thousands of times a second is not written each time. */
const unsaved = 100;
/** How far Redis's clock may be ahead of a process's expectation before that counts as a jump, in ms: commands take time. */
const tolerance = 100;

/**
 * Lua: `read_clock(clock, witness)` returns `now` and `watched` in ms; `clock` is `keys.clock`, `witness` the caller's view of
 * time, see {@link witness}. `tick_clock` does the same and stores the reading unless Redis refuses writes. Both also return
 * Redis's own time. Call only one of them, once per script.
 */
export const clockFunction = `
local function read_clock(clock, witness)
  local time = redis.call('TIME')
  local wall = time[1] * 1000 + math.floor(time[2] / 1000)
  local own, expected = string.match(witness, '^(%d+) (%d*)$')
  local stored = redis.pcall('GET', clock)
  -- What is not readable now must not be set anew: both clocks would jump to Redis's own time.
  if type(stored) == 'table' and not string.find(stored.err, 'WRONGTYPE', 1, true) then redis.call('GET', clock) end
  local pattern = '^(%d+) (%d+) (%d+) (%d+)$'
  local now, watched, seen, witnessed = string.match(type(stored) == 'string' and stored or '', pattern)
  if not now then return wall, wall, wall, own, true end
  local gap = wall - seen
  local ahead = expected ~= '' and wall - expected or 0
  local passed = ahead > ${tolerance} and gap - ahead or gap
  local short = math.max(0, math.min(passed, ${longestGap}))
  now = now + (passed > ${longestGap} and math.max(short, math.min(passed, own - witnessed)) or short)
  return now, watched + short, wall, own, gap < 0 or gap >= ${unsaved}
end
local function tick_clock(clock, witness)
  local now, watched, wall, own, due = read_clock(clock, witness)
  if due then redis.pcall('SET', clock, string.format('%.0f %.0f %.0f %.0f', now, watched, wall, own)) end
  return now, watched, wall
end`;

/** A reading of both clocks, in ms. */
export interface RedisClock {
  readonly now: number;
  readonly watched: number;
}

/** How far Redis's clock was ahead of ours at the last comparison, in ms. */
const offsets = new WeakMap<Redis, number>();

/** The time of this process, in ms since the epoch: monotonic, however the machine's clock is set meanwhile. */
function evenTime(): number {
  return Math.round(performance.timeOrigin + performance.now());
}

/** The caller's view of time, as a script's argument: `<time of this process> <expected time of Redis, or nothing>`, in ms. */
export function witness(redis: Redis): string {
  const own = evenTime();
  const offset = offsets.get(redis);
  return `${own} ${offset === undefined ? "" : own + offset}`;
}

/**
 * Compares Redis's clock with ours, so that a later jump of it is detected at once.
 * @param call returns Redis's own time in ms
 */
export async function compareClocks(redis: Redis, call: () => Promise<unknown>): Promise<void> {
  const sentAt = evenTime();
  offsets.set(redis, Number(await call()) - sentAt);
}

/*
 * keys   clock
 * args   witness
 * reply  { now, watched }
 */
const clockScript = defineScript({
  name: "clock",
  keys: ["clock"],
  args: ["witness"],
  lua: `${clockFunction}
local now, watched = read_clock(clock, witness)
return { string.format('%.0f', now), string.format('%.0f', watched) }`,
});

/** Reads both clocks, which all processes share, however wrong their own clocks are. */
export async function redisClock(redis: Redis): Promise<RedisClock> {
  const reply = await clockScript(redis, { clock: keys.clock }, { witness: witness(redis) });
  const [now, watched] = reply as [string, string];
  return { now: Number(now), watched: Number(watched) };
}
