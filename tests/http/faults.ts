import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, onTestFinished } from "vitest";
import { type RedisServer, startRedisServer } from "../../local/redis-server.ts";
import { endpoints } from "../../shared/api/endpoints.ts";
import type { Reply, TestService } from "../support/service.ts";
import { expectProblem, operator } from "./support.ts";

/** Maximum time to a 503, in ms: 2 s, with a margin for a busy machine. */
export const answerTimeout = 6000;
/** The same for hundreds of concurrent requests, which also keep the process of the test busy. */
const crowdTimeout = 30_000;

const withoutRedis: readonly unknown[] = [endpoints.help, endpoints.health];

/** A request to each endpoint that needs Redis, about alice's task of this id. */
export function requestsTo(service: TestService, id = "1"): [name: string, send: () => Promise<Reply>][] {
  const values: Record<string, string> = { service: "sync", user_id: "alice", task_id: id };
  return Object.values(endpoints)
    .filter((endpoint) => !withoutRedis.includes(endpoint))
    .map(({ name, method, path, queryInputs }) => {
      const filled = path.replaceAll(/\{(\w+)\}/g, (_, input: string) => values[input] ?? "");
      const query = "user_id" in queryInputs ? "?user_id=alice" : "";
      return [name, () => service.request(method, filled + query, operator)];
    });
}

/** Sends a request and expects its 503 in time. */
export async function expectUnavailable(send: () => Promise<Reply>, name = "", limit = answerTimeout): Promise<void> {
  const from = performance.now();
  const reply = await send();
  expect(performance.now() - from, name).toBeLessThan(limit);
  expectProblem(reply, 503);
  expect(Number(reply.headers.get("retry-after")), name).toBeGreaterThan(0);
}

/** Sends `count` requests concurrently, and expects a 503 for each. */
export async function expectAllUnavailable(count: number, send: () => Promise<Reply>): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => expectUnavailable(send, "", crowdTimeout)));
}

/** Expects `/healthz` to report a failing Redis. */
export async function expectSick(service: TestService): Promise<void> {
  const from = performance.now();
  const { status, body } = await service.get("/healthz");
  expect(performance.now() - from).toBeLessThan(answerTimeout);
  expect(status).toBe(503);
  expect(body).toMatchObject({ status: "error", redis: { connected: false, message: expect.stringMatching(/\w/) } });
}

/** A redis-server that a test may kill, hang and start again on the same port with the same data. */
export interface FragileRedis {
  readonly server: RedisServer;
  kill(): Promise<void>;
  startAgain(): Promise<void>;
  /** Stops its process as a hanging machine would. */
  hang(): void;
  resume(): void;
  /** A new connection, closed after the test. */
  connect(): Redis;
}

/** Starts one with an append-only file that is synced at every write; removed after the test. */
export async function startFragileRedis(): Promise<FragileRedis> {
  const directory = await mkdtemp(join(tmpdir(), "dms-faults-"));
  const extra = ["--appendfsync", "always"];
  let server = await startRedisServer({ directory, extra });
  const { port, url } = server;
  onTestFinished(async () => {
    await server.stop("SIGKILL");
    await rm(directory, { recursive: true });
  });
  return {
    get server() {
      return server;
    },
    async kill() {
      server.process.kill("SIGKILL");
      if (server.process.signalCode === null) await once(server.process, "exit");
    },
    async startAgain() {
      server = await startRedisServer({ directory, port, extra });
    },
    hang: () => void server.process.kill("SIGSTOP"),
    resume: () => void server.process.kill("SIGCONT"),
    connect() {
      const connection = new Redis(url);
      // The test kills its server.
      connection.on("error", () => {});
      onTestFinished(() => connection.disconnect());
      return connection;
    },
  };
}
