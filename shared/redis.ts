import { Redis, type RedisOptions } from "ioredis";
import type { Config } from "./config.ts";
import type { Logger } from "./logger.ts";
import { maskUrl } from "./mask.ts";
import { redisOptions } from "./redis-url.ts";

/** The connections of a process. */
export interface RedisConnections {
  readonly primary: Redis;
  /** The same connection as `primary` where both URLs are equal. */
  readonly replica: Redis;
  /** A separate connection to the primary, for blocking reads. */
  openBlocking(): Redis;
  /** A separate connection to the primary, for submissions that wait for replicas. */
  openWriter(): Redis;
  /**
   * Resolves when the primary is ready for requests and submissions, or after `milliseconds`: a process that starts
   * without Redis answers 503 until Redis is available. @default 2000
   */
  untilReady(milliseconds?: number): Promise<void>;
  /** Closes all connections; commands in flight fail. Tolerates being called twice. */
  close(): void;
}

/** A connection that is silent for this long is closed, in ms: callers must get their 503 within 2 s. */
const responseTimeout = 1500;
/** How long a start waits for Redis, in ms. */
const startTimeout = 2000;
/** Minimum time between two reconnects after READONLY, in ms: a proxy may still point to the old primary. */
const readOnlyInterval = 1000;

/**
 * Opens the connections; they reconnect forever. While one is down, its commands fail at once instead of queueing, and a
 * command whose connection breaks is never resent, because Redis may have executed it.
 * Each command is sent at once. The client could batch commands, but it keeps a single batch in flight and its objects
 * until the next major garbage collection; `task-state` batches where commands are many.
 */
export function connectRedis(config: Pick<Config, "redisWriteUrl" | "redisReadUrl">, log: Logger): RedisConnections {
  const shared = { socketTimeout: responseTimeout };
  const primary = open(config.redisWriteUrl, log, shared);
  const replica = config.redisReadUrl === config.redisWriteUrl ? primary : open(config.redisReadUrl, log, shared);
  const connections = new Set([primary, replica]);
  const awaited = [primary];
  const openAnother = (options: RedisOptions) => {
    const connection = open(config.redisWriteUrl, log, options);
    connections.add(connection);
    return connection;
  };
  return {
    primary,
    replica,
    openBlocking: () => openAnother({ socketTimeout: 2 * responseTimeout }),
    openWriter() {
      const writer = openAnother(shared);
      awaited.push(writer);
      return writer;
    },
    async untilReady(milliseconds = startTimeout) {
      await Promise.all(awaited.map((connection) => untilReady(connection, milliseconds)));
    },
    close() {
      for (const connection of connections) connection.disconnect();
    },
  };
}

function open(url: string, log: Logger, options: RedisOptions): Redis {
  let brokenAt = Number.NEGATIVE_INFINITY;
  let broken = false;
  const settings: RedisOptions & { replyMapping: "legacy" } = {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: responseTimeout,
    retryStrategy(times) {
      // A connection that was closed on purpose is replaced at once: until then every command fails, reads too.
      const wait = broken ? 0 : Math.min(1000, 25 * 2 ** Math.min(times, 6));
      broken = false;
      return wait;
    },
    reconnectOnError(error) {
      if (!error.message.startsWith("READONLY") || performance.now() - brokenAt < readOnlyInterval) return false;
      brokenAt = performance.now();
      broken = true;
      return true;
    },
    ...options,
    replyMapping: "legacy",
  };
  const sentinel = redisOptions(url);
  const connection = sentinel
    ? new Redis({ ...settings, ...sentinel, replyMapping: "legacy" })
    : new Redis(url, settings);
  const redis = maskUrl(url);
  let down = false;
  connection.on("error", (error: Error) => {
    if (down) return;
    down = true;
    log.error({ redis, cause: error.message || String(error) }, "Redis is unavailable; reconnecting");
  });
  connection.on("ready", () => {
    if (down) log.info({ redis }, "Redis is available again");
    down = false;
  });
  return connection;
}

async function untilReady(connection: Redis, milliseconds: number): Promise<void> {
  if (connection.status === "ready") return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done() {
      clearTimeout(timer);
      connection.off("ready", done);
      resolve();
    }
    connection.once("ready", done);
  });
}
