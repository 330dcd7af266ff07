import type { Redis } from "ioredis";

/** The time of Redis in ms, which all processes share, however wrong their own clocks are. */
export async function redisTime(redis: Redis): Promise<number> {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}
