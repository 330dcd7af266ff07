import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { createSchedulerClient, type SchedulerClient } from "../../functions/background/dispatcher/index.ts";
import { until } from "../support/until.ts";
import { viewOf } from "./view.ts";

const never = new AbortController().signal;
const limit = 1500;
const { record } = viewOf();
if (!record) throw new Error("no record");
const task = record;

/** A server that does what `serve` says with each request that has come in whole, and a client of it. */
async function connect(serve: (socket: Socket) => unknown, concurrency = 2) {
  const requests: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    let bytes = "";
    socket.on("data", (chunk) => {
      bytes += chunk;
      if (!bytes.endsWith("}")) return;
      requests.push(bytes);
      bytes = "";
      void serve(socket);
    });
    onTestFinished(() => void socket.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const client: SchedulerClient = createSchedulerClient(
    {
      schedulerBaseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      schedulerTaskEndpoint: "/task",
      schedulerCancelEndpoint: "/cancel",
      requestTimeoutSeconds: limit / 1000,
    },
    concurrency,
  );
  onTestFinished(() => client.close());
  return { requests, submit: (signal = never) => client.submit(task, signal) };
}

const head = (status: number, length: number) => `HTTP/1.1 ${status} X\r\nContent-Length: ${length}\r\n\r\n`;
const ok = `${head(202, 2)}{}`;

/** Sends a text byte by byte, for ever too slowly. */
async function drip(socket: Socket, text: string, ms = 100): Promise<void> {
  for (const byte of text) {
    if (socket.destroyed) return;
    socket.write(byte);
    await pause(ms);
  }
}

async function timed<T>(call: Promise<T>): Promise<{ value: T; ms: number }> {
  const from = performance.now();
  const value = await call;
  return { value, ms: performance.now() - from };
}

test("a 202 whose body drips is an acceptance at once", async () => {
  const { submit } = await connect(async (socket) => {
    socket.write(head(202, 1000));
    await drip(socket, "x".repeat(1000));
  });
  const { value, ms } = await timed(submit());
  expect(value).toEqual({ kind: "accepted" });
  expect(ms).toBeLessThan(limit / 2);
});

test("bodies that drip hold up no other request, however many there are", async () => {
  let count = 0;
  const { submit } = await connect(async (socket) => {
    count += 1;
    if (count > 12) return socket.write(ok);
    socket.write(head(202, 1000));
    return drip(socket, "x".repeat(1000));
  }, 4);
  const { ms } = await timed(
    (async () => {
      for (let turn = 0; turn < 24; turn += 1) expect(await submit()).toEqual({ kind: "accepted" });
    })(),
  );
  expect(ms).toBeLessThan(limit);
});

test.each([
  ["the head", (socket: Socket) => drip(socket, ok)],
  ["nothing at all", () => {}],
])("a request has one limit from the connection to the last byte: %s that drips ends with it", async (_, serve) => {
  const { submit } = await connect(serve);
  const { value, ms } = await timed(submit());
  expect(value).toEqual({ kind: "unknown_fate", cause: "REQUEST_TIMEOUT" });
  expect(ms).toBeGreaterThanOrEqual(limit - 20);
  expect(ms).toBeLessThan(2 * limit);
});

test("a refusal whose reason drips is known by its status when the limit is over", async () => {
  const { submit } = await connect(async (socket) => {
    socket.write(head(422, 1000));
    await drip(socket, JSON.stringify({ detail: "x".repeat(980) }));
  });
  const { value, ms } = await timed(submit());
  expect(value).toEqual({ kind: "refused", status: 422, detail: "status 422" });
  expect(ms).toBeLessThan(2 * limit);
});

test("a refusal's reason is read to 64 KiB and no further", async () => {
  const bodies = [JSON.stringify({ detail: "y".repeat(60_000) }), JSON.stringify({ detail: "y".repeat(70_000) })];
  const { submit } = await connect((socket) => {
    const body = bodies.shift() ?? "";
    socket.write(head(422, body.length) + body);
  });
  expect(await submit()).toEqual({ kind: "refused", status: 422, detail: "y".repeat(500) });
  expect(await submit()).toEqual({ kind: "refused", status: 422, detail: "status 422" });
});

const informational = ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"];
test.each<[string, (socket: Socket) => unknown]>([
  ["100", (socket) => socket.write(informational[0] + ok)],
  ["103", (socket) => socket.write(informational[1] + ok)],
  ["100, 100, 103 and 100", (socket) => socket.write(informational[0] + informational.join("") + ok)],
  [
    "100 in pieces",
    async (socket) => {
      await drip(socket, informational[0] as string, 10);
      socket.write(ok);
    },
  ],
  [
    "100 in a packet of its own",
    async (socket) => {
      socket.write(informational[0] as string);
      await pause(100);
      socket.write(ok);
    },
  ],
])("informational answers are passed over: %s", async (_, serve) => {
  const { submit, requests } = await connect(serve);
  for (let turn = 0; turn < 3; turn += 1) expect(await submit()).toEqual({ kind: "accepted" });
  expect(requests).toHaveLength(3);
});

test("a request that is aborted before it has left the process has started nothing", async () => {
  // The one connection is busy with a request that gets no answer.
  const { submit, requests } = await connect(() => {}, 1);
  const first = submit();
  await until(() => requests.length === 1);
  expect(await submit(AbortSignal.timeout(300))).toEqual({
    kind: "not_started",
    cause: "AbortError",
    unavailable: true,
  });
  expect(await first).toMatchObject({ kind: "unknown_fate" });
  expect(requests).toHaveLength(1);
});

test.each<[string, (socket: Socket) => unknown, object]>([
  ["behind the line", (socket) => socket.end("HTTP/1.1 202 Accepted\r\n"), { kind: "accepted" }],
  ["in the headers", (socket) => socket.end("HTTP/1.1 202 Accepted\r\nContent-Le"), { kind: "accepted" }],
  [
    "behind a line that dripped",
    async (socket) => {
      await drip(socket, "HTTP/1.1 202 Accepted\r\n", 10);
      socket.end();
    },
    { kind: "accepted" },
  ],
  ["behind 100 and a line", (socket) => socket.end(`${informational[0]}HTTP/1.1 202 X\r\n`), { kind: "accepted" }],
  ["behind 103 and a line", (socket) => socket.end(`${informational[1]}HTTP/1.1 202 X\r\n`), { kind: "accepted" }],
  [
    "behind a 103 in pieces and a line",
    async (socket) => {
      await drip(socket, `${informational[1]}HTTP/1.1 202 X\r\n`, 5);
      socket.end();
    },
    { kind: "accepted" },
  ],
  ["behind a refusal's line", (socket) => socket.end("HTTP/1.1 422 X\r\n"), { kind: "refused", status: 422 }],
  ["within the line", (socket) => socket.end("HTTP/1.1 202 Acc"), { kind: "unknown_fate" }],
])("an answer that is cut %s is known as far as its status line goes", async (_, serve, outcome) => {
  const { submit } = await connect(serve);
  for (let turn = 0; turn < 3; turn += 1) expect(await submit()).toMatchObject(outcome);
});
