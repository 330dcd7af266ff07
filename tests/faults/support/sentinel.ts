import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { findRedisServer } from "../../../local/redis-binary.ts";
import { freePort, type RedisServer } from "../../../local/redis-server.ts";
import { until } from "../../support/until.ts";
import { end, keep } from "./children.ts";
import { startPrimary, startReplica } from "./replica.ts";

const name = "mymaster";

/** A primary with one replica under a sentinel. */
export interface Sentinel {
  /** `redis+sentinel://…` */
  readonly url: string;
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  /** The port of whom the sentinel calls the primary. */
  primaryPort(): Promise<number>;
  /** Starts the first primary again, as a replica of the second. */
  rejoin(): Promise<RedisServer>;
  stop(): Promise<void>;
}

/** Starts the three, each in a process of its own, and resolves when the replica has all and the sentinel knows it. */
export async function startSentinel(): Promise<Sentinel> {
  const directory = await mkdtemp(join(tmpdir(), "dms-sentinel-"));
  const primary = await startPrimary();
  const replica = await startReplica(primary.port);
  const servers = [primary, replica];
  const port = await freePort();
  const config = join(directory, "sentinel.conf");
  // One sentinel is enough to agree with itself; it writes what it learns into its configuration.
  await writeFile(config, configuration(port, primary.port));
  const child = keep(spawn(await findRedisServer(), [config, "--sentinel"], { stdio: "ignore" }));
  const sentinel = new Redis(port, "127.0.0.1", { retryStrategy: () => 50 });
  sentinel.on("error", () => {});
  await until(async () => ((await sentinel.call("SENTINEL", "REPLICAS", name)) as unknown[]).length === 1, {
    timeoutMs: 20_000,
  });
  return {
    url: `redis+sentinel://127.0.0.1:${port}/${name}/0`,
    primary,
    replica,
    async primaryPort() {
      const [, found] = (await sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)) as [string, string];
      return Number(found);
    },
    async rejoin() {
      const again = await startReplica(replica.port, primary.port);
      servers.push(again);
      return again;
    },
    async stop() {
      sentinel.disconnect();
      await Promise.all([end(child, "SIGKILL"), ...servers.map((server) => server.stop("SIGKILL"))]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function configuration(port: number, primaryPort: number): string {
  return [
    `port ${port}`,
    "bind 127.0.0.1",
    `sentinel monitor ${name} 127.0.0.1 ${primaryPort} 1`,
    `sentinel down-after-milliseconds ${name} 500`,
    `sentinel failover-timeout ${name} 3000`,
    "",
  ].join("\n");
}
