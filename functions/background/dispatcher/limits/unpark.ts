import type { Redis } from "ioredis";
import { dueParkedUsers, findHold, redisClock, releaseParked, roomOf } from "../../../../task-state/index.ts";
import type { Policy } from "./policy.ts";

/** Users whose parked tasks are looked at in one round. */
const usersPerRound = 500;
/** No user is called this, so only what holds everybody back holds it back. */
const nobody = "";

/**
 * Lets parked tasks go on whose user nothing holds back any more: no pause, no block, room below the limit. Costs one look
 * per user and half second, however many tasks are parked, and a single one while everybody is held back.
 */
export async function unpark(redis: Redis, { caps }: Policy): Promise<void> {
  if ((await findHold(redis, nobody)) !== undefined) return;
  const { now } = await redisClock(redis);
  const unparkUser = async (user: string) => {
    if ((await findHold(redis, user)) !== undefined) return;
    await releaseParked(redis, user, await roomOf(redis, user, caps, now));
  };
  // All at once: one after the other, many held users would keep a dispatcher from its work.
  await Promise.all((await dueParkedUsers(redis, now, usersPerRound)).map(unparkUser));
}
