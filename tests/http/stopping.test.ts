import { once } from "node:events";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { useRedis } from "../support/redis.ts";
import { startServiceForTest, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";
import { answerTimeout } from "./faults.ts";
import { aliceTasks, connectTo, expectProblem, parseAnswer } from "./support.ts";

const redis = useRedis();
const head = `POST /api/v1${aliceTasks}?src=/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\n`;

/** A connection after the service has read these bytes. */
async function connectWith(service: TestService, bytes: string): Promise<Socket> {
  const socket = connectTo(service);
  onTestFinished(() => void socket.destroy());
  socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(socket, "data");
  socket.write(bytes);
  // Answered after the service has read the earlier data of other connections.
  await service.get("/healthz");
  return socket;
}

test("a request in flight when the service stops is finished", async () => {
  const service = await startServiceForTest(redis.url);
  const socket = await connectWith(service, `${head}abc`);
  const stopped = service.stop();
  socket.write("def");
  const [answer] = await once(socket, "data");
  expect(parseAnswer(String(answer)).status).toBe(202);
  expect(await redis.client.exists(keys.record("1"))).toBe(1);
  socket.destroy();
  await stopped;
});

test("a request that arrives while the service stops is served, or 503 as JSON", async () => {
  const service = await startServiceForTest(redis.url);
  const socket = await connectWith(service, head.slice(0, 30));
  const stopped = service.stop();
  socket.write(`${head.slice(30)}abcdef`);
  const answer = parseAnswer(await text(socket));
  if (answer.status !== 202) expectProblem(answer, 503);
  await stopped;
});

test.each([
  ["waits with half a head", head.slice(0, 30), ""],
  ["waits with half a body", `${head}abc`, ""],
  ["keeps its connection after its last answer", `${head}abc`, "def"],
])("a client that %s does not keep the service from stopping within its grace", async (_, before, after) => {
  const service = await startServiceForTest(redis.url, { DMS_SHUTDOWN_GRACE_SECONDS: "0.5" });
  const socket = await connectWith(service, before);
  const stopped = service.stop();
  socket.write(after);
  // Ends the wait for a service that does not stop by itself.
  let waitedFor = false;
  const giveUp = setTimeout(() => {
    waitedFor = true;
    socket.destroy();
  }, answerTimeout);
  await stopped;
  clearTimeout(giveUp);
  expect(waitedFor).toBe(false);
});

test("after a stop nothing is listening and no connection is open, and a second stop has no effect", async () => {
  const service = await startServiceForTest(redis.url, { DMS_EVENT_WORKER_COUNT: "4" });
  await service.get("/healthz");
  await Promise.all([service.stop(), service.stop()]);
  await expect(service.get("/healthz")).rejects.toThrow();
  const ours = await redis.client.client("ID");
  await until(async () => {
    const clients = (await redis.client.client("LIST")) as string;
    return clients.trim().split("\n").length === 1 && clients.startsWith(`id=${ours} `);
  });
});
