import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { buildConnector, Client } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { createSchedulerClient } from "../../functions/background/dispatcher/index.ts";
import { createExchange } from "../../functions/background/dispatcher/scheduler/exchange.ts";
import { viewOf } from "./view.ts";

const { record } = viewOf();
if (!record) throw new Error("no record");
const task = record;

test("a request whose connection is ready only after its deadline does not leave the process", async () => {
  const received: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => received.push(String(chunk)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const connect = buildConnector({});
  const limit = 20;
  const client = new Client(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    connect: (target, done) =>
      connect(target, (error, socket) => {
        block(2 * limit);
        if (error) done(error, null);
        else done(null, socket);
      }),
  });
  onTestFinished(() => client.destroy());
  const exchange = createExchange(limit, () => {});
  client.dispatch({ method: "POST", path: "/task", body: "{}" }, exchange.handler);
  expect(await exchange.outcome).toEqual({ kind: "not_started", cause: "REQUEST_TIMEOUT", unavailable: true });
  await client.close();
  expect(received).toEqual([]);
});

test.each([
  ["in one piece", ["HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"], { kind: "accepted" }],
  ["in several pieces", ["HTTP/1.1 1", "03 X\r\n\r\nHTTP/1.1 202 Accep", "ted\r\n\r\n"], { kind: "accepted" }],
  [
    "that refuses",
    ["HTTP/1.1 400 Bad Request\r\nContent-Length: 16\r\n\r\n", '{"detail": "no"}'],
    { kind: "refused", status: 400, detail: "no" },
  ],
])(
  "an answer %s that waits in the socket of a stopped process counts, although its deadline is over",
  async (_, pieces, outcome) => {
    const limit = 300;
    const server = new Worker(new URL("./answering-worker.ts", import.meta.url), { workerData: pieces });
    onTestFinished(() => void server.terminate());
    const [port] = await once(server, "message");
    const client = createSchedulerClient(
      {
        schedulerBaseUrl: `http://127.0.0.1:${port}`,
        schedulerTaskEndpoint: "/task",
        schedulerCancelEndpoint: "/cancel",
        requestTimeoutSeconds: limit / 1000,
      },
      1,
    );
    onTestFinished(() => client.close());
    const answer = client.submit(task, new AbortController().signal);
    await pause(50);
    // After this callback come the timers that are due, and only then the sockets: as after SIGSTOP and SIGCONT.
    setImmediate(block, 3 * limit);
    expect(await answer).toMatchObject(outcome);
  },
);

/** Keeps the event loop from running, as SIGSTOP does with the whole process. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
