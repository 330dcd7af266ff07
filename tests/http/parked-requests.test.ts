import { once } from "node:events";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { bytesSentBy, type LimitedService, startLimited, submitLarge } from "./limited.ts";
import { aliceTasks, connectTo, expectProblem, parseAnswer } from "./support.ts";

const redis = useRedis();
const KiB = 1024;
const MiB = 1024 * KiB;
const target = `/api/v1${aliceTasks}`;

function open({ address }: LimitedService): Socket {
  const socket = connectTo({ address } as Parameters<typeof connectTo>[0]);
  onTestFinished(() => void socket.destroy());
  return socket.on("error", () => {});
}

const head = (length: number, type = "Content-Type: application/json\r\n") =>
  `POST ${target} HTTP/1.1\r\nHost: localhost\r\n${type}Content-Length: ${length}\r\n\r\n`;
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

const submitBody = ({ address }: LimitedService) =>
  fetch(address + target, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ parameters: { filler: "x".repeat(60 * KiB) } }),
  });

test("beyond the limit of body bytes in transit, one more is 503, and accepted again when they are done", async () => {
  const service = await startLimited(redis, { bodyBytes: MiB });
  const parked = [open(service), open(service), open(service)];
  for (const socket of parked) socket.write(head(512 * KiB) + "x".repeat(340 * KiB));
  const refused = await until(async () => {
    const response = await submitBody(service);
    return response.status === 503 && response;
  });
  const body = await refused.text();
  expectProblem({ status: 503, text: body, body: JSON.parse(body) }, 503);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await fetch(`${service.address}${target}?src=/a`, { method: "POST" })).status, "without a body").toBe(202);
  for (const socket of parked) socket.destroy();
  await until(async () => (await submitBody(service)).status === 202);
});

test("dropped bodies do not count towards the limit", async () => {
  const service = await startLimited(redis, { bodyBytes: 100 * KiB });
  const parked = Array.from({ length: 10 }, () => open(service));
  for (const socket of parked) socket.write(head(60 * KiB, "Content-Type: text/plain\r\n") + "x".repeat(50 * KiB));
  expect((await submitBody(service)).status).toBe(202);
  for (const socket of parked) socket.write("x".repeat(10 * KiB));
  for (const socket of parked) expect(String((await once(socket, "data"))[0])).toContain("202");
});

test("a body that arrives too slowly times out with a 408", async () => {
  const service = await startLimited(redis, { requestMs: 600 });
  const socket = open(service);
  socket.write(head(512 * KiB));
  const dripping = setInterval(() => socket.write("x"), 20);
  onTestFinished(() => clearInterval(dripping));
  expectProblem(parseAnswer(await text(socket)), 408);
});

test("requests on one connection are answered in their order, one after the other", async () => {
  const service = await startLimited(redis, {});
  await submitLarge(service.store, 3);
  const socket = open(service);
  const paths = Array.from(
    { length: 20 },
    (_, index) => `/api/v1/services/sync/tasks/${(index % 3) + 1}?user_id=alice`,
  );
  socket.write(paths.map(get).join(""));
  socket.write(`${head(2)}{}`);
  let answers = "";
  for await (const chunk of socket) {
    answers += chunk;
    if (answers.includes("HTTP/1.1 202")) break;
  }
  const ids = [...answers.matchAll(/\{"task":\{"task_id":"(\d)"/g)].map(([, id]) => id);
  expect(ids).toEqual(paths.map((_, index) => String((index % 3) + 1)));
});

test("for a client that requests many pages on one connection and reads none, one page is read", async () => {
  const service = await startLimited(redis, {});
  await submitLarge(service.store, 300);
  const before = await bytesSentBy(redis);
  const socket = open(service);
  socket.pause();
  socket.write(get(target).repeat(30));
  // Another reader reads all of it first, so the first one has had as much time.
  expect(JSON.parse(await (await fetch(service.address + target)).text()).tasks).toHaveLength(300);
  expect((await bytesSentBy(redis)) - before).toBeLessThan(30 * MiB);
});

test("a connection on which too many requests wait is closed, and no other connection", async () => {
  const service = await startLimited(redis, { pipelined: 32 });
  const [socket, other] = [open(service), open(service)];
  socket.write(get(target).repeat(3000));
  await new Promise((resolve) => socket.resume().once("close", resolve));
  other.write(get("/healthz").repeat(30));
  let answers = "";
  for await (const chunk of other) {
    answers += chunk;
    if (answers.split('"connected":true').length > 30) break;
  }
  expect(answers.match(/HTTP\/1\.1 200/g)).toHaveLength(30);
});
