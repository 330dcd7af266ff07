import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seed } from "./support/run.ts";
import { type FaultScheduler, type FaultSettings, startFaultScheduler } from "./support/scheduler.ts";

let scheduler: FaultScheduler;
beforeAll(async () => {
  // What is refused by a fault needs no Redis.
  scheduler = await startFaultScheduler({ redisUrl: "redis://127.0.0.1:1/0", seed });
});
afterAll(() => scheduler?.stop());

/** The bytes that a submission is answered with, and whether they came within a second. */
async function answerTo(fault: FaultSettings): Promise<{ text: string; ended: boolean }> {
  await scheduler.fault({ status: 400, detail: "no", count: 1, ...fault });
  const { hostname, port } = new URL(scheduler.url);
  const socket = connect(Number(port), hostname);
  const body = JSON.stringify({ task_id: "1", service: "sync", user_id: "alice", parameters: {} });
  socket.write(
    `POST /task HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  const ended = await Promise.race([
    once(socket, "close").then(() => true),
    new Promise<false>((resolve) => setTimeout(resolve, 1000, false)),
  ]);
  socket.destroy();
  return { text, ended };
}

const line = "HTTP/1.1 400 Bad Request\r\n";
const head = `${line}content-type: application/json\r\ncontent-length: 15\r\nconnection: close\r\n\r\n`;

test.each([
  ["before its status line", "before", ""],
  ["behind its status line", "line", line],
  ["within its headers", "headers", `${line}content-type: applicat`],
  ["within its body", "body", `${head}{"detai`],
] as const)("an answer is cut %s", async (_, part, text) => {
  expect(await answerTo({ kind: "cut", part })).toEqual({ text, ended: true });
});

test("an answer's body drips, and does not end in time", async () => {
  const { text, ended } = await answerTo({ kind: "drip" });
  expect(ended).toBe(false);
  expect(text.slice(0, head.length)).toBe(head);
  expect(text.length - head.length).toBeLessThan(6);
});

test("informational answers come before the one that counts", async () => {
  const { text, ended } = await answerTo({ kind: "inform" });
  expect(ended).toBe(true);
  expect(text).toMatch(
    /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 103 Early Hints\r\nlink: [^\r]+\r\n\r\nHTTP\/1\.1 400 /,
  );
  expect(text.endsWith('{"detail":"no"}')).toBe(true);
});

test("a body of megabytes is sent whole", async () => {
  const { text } = await answerTo({ kind: "huge" });
  expect(text.length).toBeGreaterThan(4_000_000);
});

test("the ledger shows what each answer has let its reader know", async () => {
  await scheduler.reset();
  await answerTo({ kind: "cut", part: "before" });
  await answerTo({ kind: "cut", part: "headers" });
  await answerTo({ kind: "cut", part: "body", name: "a half" });
  const { submissions, met } = await scheduler.report();
  expect(submissions["1"]?.map(({ status, headed }) => [status, headed])).toEqual([
    [undefined, undefined],
    [400, undefined],
    [400, true],
  ]);
  expect(met).toEqual({ cut: 2, "a half": 1 });
});
