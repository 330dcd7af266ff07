import { findRedisServer } from "../../local/redis-binary.ts";

/** Before all tests, outside their time limits: on a fresh machine Redis is installed or built first. */
export default async function installRedis(): Promise<void> {
  await findRedisServer();
}
