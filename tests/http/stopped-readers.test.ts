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
/** Above what the buffers of a connection on loopback take, on both sides. */
const count = 300;
const target = `/api/v1${aliceTasks}`;

/** A client that has sent a request and reads nothing. */
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

test("a reader that stops asks Redis for no more than its connection holds, and goes on when it reads", async () => {
  const service = await startLimited(redis, {});
  await submitLarge(service.store, count);
  const whole = await bytesOf(redis, count);
  const before = await bytesSentBy(redis);
  const socket = await openStopped(service);
  // By the time at which another one has read all of it, the stopped one has had as much time.
  expect(JSON.parse(await readWhole(service)).tasks).toHaveLength(count);
  const during = (await bytesSentBy(redis)) - before;
  expect(during).toBeGreaterThan(whole);
  expect(during).toBeLessThan(whole + 10 * MiB);
  expect(whole).toBeGreaterThan(15 * MiB);

  const answer = parseAnswer(await text(socket));
  expect(tasksIn({ ...answer, headers: new Headers() })).toHaveLength(count);
});

test("a reader that takes nothing for the time is closed, whatever it sends meanwhile", async () => {
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

test("a reader that is slow, but reads, gets all of it", async () => {
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

test("a long page is cut by the same rules, and its next_cursor comes at its end", async () => {
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

test("beyond so many long answers, one more is 503 while the others read, and replaces one that has stopped", async () => {
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
