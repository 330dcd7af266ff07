import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createSchedulerClient } from "../../functions/background/dispatcher/index.ts";
import { until } from "../support/until.ts";
import { viewOf } from "./view.ts";

const never = new AbortController().signal;

/** What each request is answered with: bytes, after which the connection stays open or is closed. */
interface Answer {
  readonly bytes: string;
  readonly close?: boolean;
}

/** A server that speaks HTTP byte by byte, and a client of it with a limit of 300 ms. */
async function connect(answer: Answer, base = "", connections = 2) {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      heads.push(String(chunk));
      if (answer.close) socket.end(answer.bytes);
      else socket.write(answer.bytes);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  const client = createSchedulerClient(
    {
      schedulerBaseUrl: `http://127.0.0.1:${port}${base}`,
      schedulerTaskEndpoint: "/task",
      schedulerCancelEndpoint: "/cancel",
      requestTimeoutSeconds: 0.3,
    },
    connections,
  );
  onTestFinished(() => client.close());
  onTestFinished(stop);
  const { record } = viewOf({ parameters: { src: "/a" } });
  if (!record) throw new Error("no record");
  return {
    heads,
    sockets,
    stop,
    submit: (signal = never) => client.submit(record, signal),
    cancel: () => client.cancel(record, never),
  };
}

const ok = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}";
const head = (status: number, length: number) => `HTTP/1.1 ${status} X\r\nContent-Length: ${length}\r\n\r\n`;

test("both requests are POSTs of JSON below the scheduler's path", async () => {
  const { submit, cancel, heads } = await connect({ bytes: ok }, "/tasks/");
  expect([await submit(), await cancel()]).toEqual([{ kind: "accepted" }, { kind: "accepted" }]);
  expect(heads[0]).toMatch(/^POST \/tasks\/task HTTP\/1\.1\r\n/);
  expect(heads[0]).toMatch(/\r\ncontent-type: application\/json\r\n/i);
  expect(heads[0]).toMatch(/\r\nidempotency-key: 7-0\r\n/i);
  expect(heads[0]).toMatch(/\{"task_id":"7","service":"sync","user_id":"alice","parameters":\{"src":"\/a"\}\}$/);
  expect(heads[1]).toMatch(/^POST \/tasks\/cancel HTTP\/1\.1\r\n/);
  expect(heads[1]).not.toMatch(/idempotency-key/i);
  expect(heads[1]).toMatch(/\{"task_id":"7","service":"sync","user_id":"alice"\}$/);
});

test("connections are kept and used again", async () => {
  const { submit, sockets } = await connect({ bytes: ok });
  for (let count = 0; count < 20; count += 1) await submit();
  expect(sockets.size).toBeLessThanOrEqual(2);
});

test("a connection that the scheduler closes after its answer does no harm to the next request", async () => {
  const { submit } = await connect({ bytes: ok, close: true });
  for (let count = 0; count < 5; count += 1) expect(await submit()).toEqual({ kind: "accepted" });
});

test("nobody listens: nothing was started", async () => {
  const { submit, stop } = await connect({ bytes: "" });
  await stop();
  expect(await submit()).toEqual({ kind: "not_started", cause: "ECONNREFUSED", unavailable: true });
});

test.each<[string, Answer]>([
  ["no answer", { bytes: "" }],
  ["half a head", { bytes: "HTTP/1.1 202 Accep" }],
  ["a connection that closes without an answer", { bytes: "", close: true }],
  ["a connection that closes within the head", { bytes: "HTTP/1.1 202 Acc", close: true }],
  ["an answer that is no HTTP", { bytes: "hello\r\n\r\n" }],
])("after %s the fate is unknown", async (_, answer) => {
  const { submit } = await connect(answer);
  expect(await submit()).toMatchObject({ kind: "unknown_fate", cause: expect.stringMatching(/^\w+$/) });
});

test.each<[string, Answer]>([
  ["never comes", { bytes: head(202, 10) }],
  ["is cut off", { bytes: `${head(202, 10)}{}`, close: true }],
  ["is too large", { bytes: `${head(202, 1_000_000)}${"x".repeat(1_000_000)}` }],
  ["is no JSON", { bytes: `${head(202, 6)}<html>` }],
])("a request is accepted by its status though the body %s", async (_, answer) => {
  const { submit } = await connect(answer);
  expect(await submit()).toEqual({ kind: "accepted" });
});

test("a refusal whose body is cut off is still known by its status", async () => {
  const { submit } = await connect({ bytes: `${head(422, 100)}{"detail":`, close: true });
  expect(await submit()).toEqual({ kind: "refused", status: 422, detail: "status 422" });
});

test("a 403 whose reason is cut off is not taken for a refusal, because it may be a pause", async () => {
  const { submit } = await connect({ bytes: `${head(403, 100)}{"detail":"Requ`, close: true });
  expect(await submit()).not.toMatchObject({ kind: "refused" });
});

test("a signal aborts a request, and its fate is unknown", async () => {
  const { submit, heads } = await connect({ bytes: "" });
  const stop = new AbortController();
  const outcome = submit(stop.signal);
  await until(() => heads.length === 1);
  stop.abort();
  expect(await outcome).toEqual({ kind: "unknown_fate", cause: "AbortError" });
});
