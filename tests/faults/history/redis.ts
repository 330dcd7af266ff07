import { type ChildProcess, spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { findRedisServer } from "../../../local/redis-binary.ts";
import { freePort } from "../../../local/redis-server.ts";
import { until } from "../../support/until.ts";
import { end, keep } from "../support/children.ts";
import type { Clock } from "./clock-file.ts";
import type { Disk } from "./disk.ts";

/** A Redis with an append-only file that can be killed and started again, with a way in that no fault of `default` closes. */
export interface OwnRedis {
  readonly port: number;
  /** As the user `tests`, who may do everything. */
  readonly url: string;
  /** A connection of that user, which waits for its Redis as long as it takes. */
  readonly client: Redis;
  readonly disk: Disk;
  readonly clock: Clock | undefined;
  kill(): Promise<void>;
  /** Resolves when it takes commands. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one. */
export async function startOwnRedis(disk: Disk, clock: Clock | undefined): Promise<OwnRedis> {
  const [binary, port] = [await findRedisServer(), await freePort()];
  const directory = join(disk.directory, "data");
  // What a dump is named after when it shall fail, see `misconf`.
  await mkdir(join(directory, "no-file", "x"), { recursive: true });
  const url = `redis://tests:tests@127.0.0.1:${port}/0`;
  const client = new Redis(url, {
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
    replyMapping: "legacy",
    lazyConnect: true,
  });
  client.on("error", () => {});
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    child = keep(
      spawn(binary, argumentsOf(port, directory), {
        stdio: "ignore",
        detached: true,
        env: { PATH: process.env.PATH, ...clock?.environment },
      }),
    );
    if (client.status === "wait") await client.connect().catch(() => {});
    await until(async () => (await client.ping()) === "PONG", { timeoutMs: 20_000 });
  }

  const kill = async () => {
    if (child) await end(child, "SIGKILL");
  };
  await start();
  return {
    port,
    url,
    client,
    disk,
    clock,
    kill,
    start,
    async stop() {
      client.disconnect();
      await kill();
      await disk.remove();
    },
  };
}

function argumentsOf(port: number, directory: string): string[] {
  const settings = {
    port: String(port),
    bind: "127.0.0.1",
    save: "",
    appendonly: "yes",
    dir: directory,
    "enable-protected-configs": "yes",
    "auto-aof-rewrite-min-size": "8mb",
    user: "tests on >tests ~* &* +@all",
  };
  return Object.entries(settings).flatMap(([name, value]) => [
    `--${name}`,
    ...(name === "user" ? value.split(" ") : [value]),
  ]);
}
