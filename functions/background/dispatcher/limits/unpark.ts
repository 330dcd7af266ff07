import type { Redis } from "ioredis";
import { availablePermits, dueParkedUsers, findHold, redisClock, releaseParked } from "../../../../task-state/index.ts";
import type { Policy } from "./policy.ts";

/** Users whose parked tasks are checked in one sweep. */
const usersPerSweep = 500;
/** No user has this id, so only a hold on all users applies to it. */
const nobody = "";

/**
 * Releases the parked tasks of users without a hold: no pause, no block, permits available. Costs one check per user and half
 * second, however many tasks are parked, and a single check while all users are held.
 */
export async function unpark(redis: Redis, { caps }: Policy): Promise<void> {
  if ((await findHold(redis, nobody)) !== undefined) return;
  const { now } = await redisClock(redis);
  const unparkUser = async (user: string) => {
    if ((await findHold(redis, user)) !== undefined) return;
    await releaseParked(redis, user, await availablePermits(redis, user, caps, now));
  };
  // In parallel: one after the other, many held users would delay the dispatcher.
  await Promise.all((await dueParkedUsers(redis, now, usersPerSweep)).map(unparkUser));
}
