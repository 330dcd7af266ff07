import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll } from "vitest";
import { type RedisServer, type RedisServerOptions, startRedisServer } from "../../local/redis-server.ts";

export interface TestRedis {
  readonly url: string;
  readonly server: RedisServer;
  /** A connection that is closed after the tests of the file. */
  connect(): Redis;
  /** The connection of the helper. */
  readonly client: Redis;
}

/** A redis-server for one test file, emptied after each test. Call it at the top of a file or a `describe`. */
export function useRedis(options: RedisServerOptions = {}): TestRedis {
  let server: RedisServer | undefined;
  const connections: Redis[] = [];
  const running = () => {
    if (!server) throw new Error("the redis-server of this file has not started");
    return server;
  };
  const connect = () => {
    const connection = new Redis(running().url);
    connections.push(connection);
    return connection;
  };
  let client: Redis | undefined;

  beforeAll(async () => {
    server = await startRedisServer(options);
    client = connect();
  });
  afterEach(async () => {
    await client?.flushall();
  });
  afterAll(async () => {
    for (const connection of connections) connection.disconnect();
    await server?.stop("SIGKILL");
  });

  return {
    get url() {
      return running().url;
    },
    get server() {
      return running();
    },
    get client() {
      if (!client) throw new Error("not connected yet");
      return client;
    },
    connect,
  };
}
