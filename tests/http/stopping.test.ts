import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { startServiceForTest } from "../support/service.ts";
import { aliceTasks, connectTo, expectProblem, parseAnswer } from "./support.ts";

const redis = useRedis();
const head = `POST /api/v1${aliceTasks}?src=/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\n`;

/** Resolves when the service has read what was sent so far, and answered the request before it. */
async function connectWith(service: Parameters<typeof connectTo>[0], bytes: string) {
  const socket = connectTo(service);
  socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(socket, "data");
  socket.write(bytes);
  // A later request on another connection is answered after the service has read this one's bytes.
  await service.get("/healthz");
  return socket;
}

test("a request that is under way when the service stops is finished", async () => {
  const service = await startServiceForTest(redis.url);
  const socket = await connectWith(service, `${head}abc`);
  const stopped = service.stop();
  socket.write("def");
  expect(parseAnswer(await text(socket)).status).toBe(202);
  await stopped;
  expect(await redis.client.exists("task:1")).toBe(1);
});

test("a request that arrives while the service stops is 503 as JSON", async () => {
  const service = await startServiceForTest(redis.url);
  const socket = await connectWith(service, head.slice(0, 30));
  const stopped = service.stop();
  socket.write(`${head.slice(30)}abcdef`);
  expectProblem(parseAnswer(await text(socket)), 503);
  await stopped;
});

test.each([
  ["half a head", head.slice(0, 30)],
  ["half a body", `${head}abc`],
])(
  "a client that has sent %s and waits does not keep the service from stopping within its grace",
  async (_, bytes) => {
    const service = await startServiceForTest(redis.url, { DMS_SHUTDOWN_GRACE_SECONDS: "0.5" });
    const socket = await connectWith(service, bytes);
    const from = performance.now();
    await service.stop();
    expect(performance.now() - from).toBeLessThan(2000);
    socket.destroy();
  },
  4000,
);

test("after a stop nothing listens, and a second stop is the same as one", async () => {
  const service = await startServiceForTest(redis.url, { DMS_EVENT_WORKER_COUNT: "4" });
  await service.get("/healthz");
  await Promise.all([service.stop(), service.stop()]);
  await expect(service.get("/healthz")).rejects.toThrow();
  expect(await redis.client.client("LIST", "TYPE", "NORMAL")).toMatch(/^[^\n]*cmd=client\|list[^\n]*\n$/);
});
