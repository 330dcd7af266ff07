import { Redis } from "ioredis";
import { type RedisServer, startRedisServer } from "../local/redis-server.ts";
import type { LoadGenerator, LoadResult, Target } from "./load.ts";
import { type BenchProcess, type Settings, startProcess } from "./process.ts";

/** The duration of the measurements. */
export interface Effort {
  readonly quick: boolean;
  /** Length of one round under load. */
  readonly seconds: number;
  /** Rounds that count, per contender. */
  readonly rounds: number;
}

export interface StageRedis extends Pick<RedisServer, "url" | "port"> {
  readonly client: Redis;
}

/** The processes of a row; closing the stage stops them. */
export interface Stage {
  readonly effort: Effort;
  /** Starts a separate, empty redis-server without persistence. */
  redis(): Promise<StageRedis>;
  /** Runs a file of `bench/servers` in its own process. */
  start(server: string, settings: Settings): Promise<BenchProcess>;
  load(target: Omit<Target, "seconds">): Promise<LoadResult>;
  /** Registers a function that `close` calls. */
  onClose(stop: () => unknown): void;
  /** Stops everything in reverse order, also what is still starting. Tolerates being called twice. */
  close(): Promise<void>;
}

export function openStage(effort: Effort, generator: LoadGenerator): Stage {
  const stops: (() => unknown)[] = [];
  const closing = new AbortController();

  /** Registers the stop before the start has completed, so that an interruption leaves nothing behind. */
  function started<Thing>(starting: Promise<Thing>, stop: (thing: Thing) => unknown): Promise<Thing> {
    stops.push(() => starting.then(stop, () => {}));
    return starting;
  }

  return {
    effort,
    async redis() {
      closing.signal.throwIfAborted();
      const { url, port } = await started(startRedisServer(), (server) => server.stop("SIGKILL"));
      const client = new Redis(url);
      stops.push(() => client.disconnect());
      return { url, port, client };
    },
    start(server, settings) {
      closing.signal.throwIfAborted();
      return started(startProcess(server, settings, closing.signal), (child) => child.stop());
    },
    load: (target) => generator.run({ ...target, seconds: effort.seconds }, closing.signal),
    onClose(stop) {
      stops.push(stop);
    },
    async close() {
      closing.abort();
      for (const stop of stops.splice(0).reverse()) await stop();
    },
  };
}
