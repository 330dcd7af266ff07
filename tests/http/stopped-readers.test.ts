import { once } from "node:events";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { bytesOf, bytesSentBy, type LimitedService, startLimited, submitLarge } from "./limited.ts";
import { aliceTasks, connectTo, expectProblem, parseAnswer, requestBytes, tasksIn } from "./support.ts";

const redis = useRedis();
const MiB = 1024 * 1024;
/** More than the buffers of both sides of a loopback connection hold. */
const count = 300;
const target = `/api/v1${aliceTasks}`;

/** A client that sends a request and reads nothing. */
async function openStopped({ address }: LimitedService, bytes = requestBytes("GET", target)): Promise<Socket> {
  const socket = connectTo({ address } as Parameters<typeof connectTo>[0]);
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.pause();
  socket.write(bytes);
  return socket;
}

const readWhole = async ({ address }: LimitedService) => (await fetch(address + target)).text();

test("for a reader that stops, Redis is read only as far as its connection buffers, and further when it reads again", async () => {
  const service = await startLimited(redis, {});
  await submitLarge(service.store, count);
  const whole = await bytesOf(redis, count);
  const before = await bytesSentBy(redis);
  const socket = await openStopped(service);
  // Another reader reads all of it first, so the stopped one has had as much time.
  expect(JSON.parse(await readWhole(service)).tasks).toHaveLength(count);
  const during = (await bytesSentBy(redis)) - before;
  expect(during).toBeGreaterThan(whole);
  expect(during).toBeLessThan(whole + 10 * MiB);
  expect(whole).toBeGreaterThan(15 * MiB);

  const answer = parseAnswer(await text(socket));
  expect(tasksIn({ ...answer, headers: new Headers() })).toHaveLength(count);
});

test("the connection of a reader that reads nothing for the timeout is closed, whatever it sends", async () => {
  const service = await startLimited(redis, { stalledMs: 300 });
  await submitLarge(service.store, count);
  const socket = await openStopped(service);
  const dripping = setInterval(() => socket.write("\r\n"), 50);
  onTestFinished(() => clearInterval(dripping));
  await until(() => service.logs.find(({ msg }) => msg.includes("stopped reading")), { timeoutMs: 15_000 });
  expect(await (await fetch(`${service.address}/healthz`)).json()).toMatchObject({ status: "ok" });
  const got = await text(socket).catch(() => "reset");
  expect(got.endsWith("]}")).toBe(false);
});

test("a slow reader gets the whole answer", async () => {
  const service = await startLimited(redis, { stalledMs: 1500 });
  await submitLarge(service.store, 150);
  const socket = await openStopped(service);
  let answer = "";
  for await (const chunk of socket) {
    answer += chunk;
    await pause(10);
  }
  expect(tasksIn({ ...parseAnswer(answer), headers: new Headers() })).toHaveLength(150);
});

test("a long page is sent in pieces too, with its next_cursor at the end", async () => {
  const service = await startLimited(redis, {});
  await submitLarge(service.store, 40);
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const query = `?limit=1000&order=desc${cursor === undefined ? "" : `&cursor=${cursor}`}`;
    const page = JSON.parse(await (await fetch(service.address + target + query)).text());
    seen.push(...page.tasks.map(({ task_id }: { task_id: string }) => task_id));
    cursor = page.next_cursor;
    expect(page.tasks.length).toBeLessThan(20);
  } while (cursor !== undefined);
  expect(seen).toEqual(Array.from({ length: 40 }, (_, index) => String(40 - index)));
});

test("beyond the limit of concurrent long answers, one more is 503 while the others read, and replaces one that has stopped", async () => {
  const service = await startLimited(redis, { longAnswers: 2 });
  await submitLarge(service.store, count);
  const sockets = [await openStopped(service), await openStopped(service)];
  const ask = async () => {
    const response = await fetch(service.address + target);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const first = await until(async () => {
    const reply = await ask();
    return reply.status === 503 && reply;
  });
  expectProblem({ ...first, body: JSON.parse(first.text) }, 503);
  expect(Number(first.headers.get("retry-after"))).toBeGreaterThan(0);
  const served = await until(
    async () => {
      const reply = await ask();
      return reply.status === 200 && reply;
    },
    { timeoutMs: 10_000 },
  );
  expect(JSON.parse(served.text).tasks).toHaveLength(count);
  expect(service.logs.some(({ cause }) => String(cause).includes("limit of concurrent long answers"))).toBe(true);
  for (const socket of sockets) socket.destroy();
});
