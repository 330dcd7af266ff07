import { Redis } from "ioredis";
import { type RedisServer, startRedisServer } from "../../../local/redis-server.ts";
import { until } from "../../support/until.ts";

/** Without the pause in which a primary waits for more replicas to serve them together, and without a file. */
const direct = ["--repl-diskless-sync-delay", "0", "--repl-diskless-load", "on-empty-db"];

/** A Redis that replicas join at once. */
export function startPrimary(): Promise<RedisServer> {
  return startRedisServer({ extra: direct });
}

/** A replica of the Redis at a port; resolves when it has everything. */
export async function startReplica(of: number, port?: number): Promise<RedisServer> {
  const extra = ["--replicaof", "127.0.0.1", String(of), ...direct];
  const server = await startRedisServer(port === undefined ? { extra } : { extra, port });
  const connection = new Redis(server.url);
  await until(async () => (await connection.info("replication")).includes("master_link_status:up"));
  connection.disconnect();
  return server;
}
