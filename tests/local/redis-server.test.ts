import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { freePort, type RedisServerOptions, startRedisServer } from "../../local/redis-server.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dms-redis-"));
});
afterAll(() => rm(root, { recursive: true }));

/** A server that is stopped after the test, and a connection to it. */
async function start(options: RedisServerOptions = {}) {
  const server = await startRedisServer(options);
  const client = new Redis(server.url, { retryStrategy: () => null });
  // The test may stop the server under the connection.
  client.on("error", () => {});
  onTestFinished(async () => {
    client.disconnect();
    await server.stop("SIGKILL");
  });
  return { server, client };
}

test("a started server accepts connections on loopback at its port", async () => {
  const { server, client } = await start();
  expect(server.url).toBe(`redis://127.0.0.1:${server.port}/0`);
  expect(await client.ping()).toBe("PONG");
  expect(await client.config("GET", "bind")).toEqual(["bind", "127.0.0.1"]);
});

test("it is version 7 or newer", async () => {
  const { client } = await start();
  const [, major] = /redis_version:(\d+)/.exec(await client.info("server")) ?? [];
  expect(Number(major)).toBeGreaterThanOrEqual(7);
});

test("a port of the caller's choice is used", async () => {
  const port = await freePort();
  const { server, client } = await start({ port });
  expect(server.port).toBe(port);
  expect(await client.ping()).toBe("PONG");
});

test("without a directory nothing is written to disk", async () => {
  const { client } = await start();
  expect(await client.config("GET", "appendonly")).toEqual(["appendonly", "no"]);
  expect(await client.config("GET", "save")).toEqual(["save", ""]);
});

test.each(["SIGTERM", "SIGKILL"] as const)("with a directory, acknowledged data survives %s", async (signal) => {
  const directory = join(root, signal, "data");
  const first = await start({ directory, extra: ["--appendfsync", "always"] });
  await first.client.set("kept", "yes");
  await first.server.stop(signal);
  const second = await start({ directory });
  expect(await second.client.get("kept")).toBe("yes");
});

test("more arguments reach the server", async () => {
  const { client } = await start({ extra: ["--maxmemory", "2mb"] });
  expect(await client.config("GET", "maxmemory")).toEqual(["maxmemory", "2097152"]);
});

test("it is in a separate process group, which a Ctrl-C does not reach", async () => {
  const { server } = await start();
  const group = -(server.process.pid ?? Number.NaN);
  expect(process.kill(group, 0)).toBe(true);
});

test("stop resolves when the process has exited, and may be called twice", async () => {
  const { server } = await start();
  await Promise.all([server.stop(), server.stop()]);
  expect(server.process.exitCode).toBe(0);
  await server.stop();
});

test("a port in use fails the start with the output of the server", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  onTestFinished(() => void taken.close());
  const address = taken.address();
  const port = typeof address === "object" && address ? address.port : 0;
  await expect(startRedisServer({ port })).rejects.toThrow(/could not start and ended with code 1:.*bind/is);
});

test("free ports can be listened on at once", async () => {
  const server = createServer().listen(await freePort(), "127.0.0.1");
  await once(server, "listening");
  server.close();
});
