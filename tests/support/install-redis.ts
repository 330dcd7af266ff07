import { findRedisServer } from "../../local/redis-binary.ts";

/** Runs before all tests, outside their timeouts: on a fresh machine Redis is installed or built first. */
export default async function installRedis(): Promise<void> {
  await findRedisServer();
}
