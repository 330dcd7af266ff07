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
  /** A connection of its own to the primary, for a reader that waits. */
  openBlocking(): Redis;
  /** A connection of its own to the primary, for submissions that wait for replicas. */
  openWriter(): Redis;
  /**
   * Resolves when the primary answers to requests and submissions, or after `milliseconds` in any case: whoever starts
   * without it answers 503 until it is there. @default 2000
   */
  untilReady(milliseconds?: number): Promise<void>;
  /** Closes all connections; what is in flight fails. Tolerates being called twice. */
  close(): void;
}

/** A Redis that has not answered for this long is given up, in ms: callers shall have their 503 within 2 s. */
const silenceLimit = 1500;
/** How long a start waits for Redis, in ms. */
const startPatience = 2000;
/** How often a reply READONLY may break the connection, in ms. Behind it may be a proxy that still points to the old primary. */
const readOnlyPause = 1000;

/**
 * Opens the connections; they reconnect by themselves for ever. While one is down its commands fail at once instead of
 * queueing up, and a command whose connection breaks is never sent again, because it may have been carried out.
 * Each command goes out at once. The client could gather them, but keeps a single batch in flight and its objects until
 * the next major collection; what comes in numbers is gathered by `task-state`.
 */
export function connectRedis(config: Pick<Config, "redisWriteUrl" | "redisReadUrl">, log: Logger): RedisConnections {
  const shared = { socketTimeout: silenceLimit };
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
    openBlocking: () => openAnother({ socketTimeout: 2 * silenceLimit }),
    openWriter() {
      const writer = openAnother(shared);
      awaited.push(writer);
      return writer;
    },
    async untilReady(milliseconds = startPatience) {
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
    connectTimeout: silenceLimit,
    retryStrategy(times) {
      // A connection that was broken on purpose is replaced at once: until then every command fails, reads too.
      const wait = broken ? 0 : Math.min(1000, 25 * 2 ** Math.min(times, 6));
      broken = false;
      return wait;
    },
    reconnectOnError(error) {
      if (!error.message.startsWith("READONLY") || performance.now() - brokenAt < readOnlyPause) return false;
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
    log.error({ redis, cause: error.message || String(error) }, "Redis cannot be reached; trying on");
  });
  connection.on("ready", () => {
    if (down) log.info({ redis }, "Redis is back");
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
