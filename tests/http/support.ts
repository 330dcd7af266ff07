import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { expect } from "vitest";
import { z } from "zod";
import type { ShownRecord, TaskRecord } from "../../task-state/index.ts";
import { parseRecord } from "../support/record.ts";
import type { Reply, TestService } from "../support/service.ts";

export const aliceTasks = "/services/sync/users/alice/tasks";

/** The header with the default operator token. */
export const operator = { headers: { "x-operator-token": "changeme" } };

/** A path below the API prefix for one of alice's tasks. */
export function aliceTask(id: string, verb = ""): string {
  return `/services/sync/tasks/${id}${verb}?user_id=alice`;
}

const submitted = z.strictObject({ task_id: z.string().regex(/^[1-9]\d*$/), status: z.literal("pending") });

/** Submits a task that must be accepted, and gives its id. */
export async function submit(service: TestService, query = "", tasks = aliceTasks): Promise<string> {
  const reply = await service.post(tasks + query);
  expect(reply.status, reply.text).toBe(202);
  return submitted.parse(reply.body).task_id;
}

/** The record of a `{"task": …}` answer. */
export function taskIn(reply: Reply): ShownRecord {
  expect(reply.status, reply.text).toBe(200);
  return readable(z.strictObject({ task: z.unknown() }).parse(reply.body).task);
}

/** The records of a `{"tasks": …}` answer. */
export function tasksIn(reply: Reply): ShownRecord[] {
  expect(reply.status, reply.text).toBe(200);
  const list = z.strictObject({ tasks: z.array(z.unknown()), next_cursor: z.string().optional() });
  return list.parse(reply.body).tasks.map(readable);
}

export function idsIn(reply: Reply): string[] {
  return tasksIn(reply).map(({ task_id }) => task_id);
}

export function nextCursorIn(reply: Reply): string | undefined {
  return z.looseObject({ next_cursor: z.string().optional() }).parse(reply.body).next_cursor;
}

/** The parameters of a query string, read from the stored text, so that names such as `__proto__` count. */
export async function parametersOf(service: TestService, query: string): Promise<[string, string][]> {
  const { parameters } = taskIn(await service.get(aliceTask(await submit(service, query))));
  return Object.entries(parameters);
}

/** The log messages of a record, without their times. */
export function messagesOf({ logs = [] }: TaskRecord): string[] {
  return logs.map((entry) => entry.slice(entry.indexOf(",") + 1));
}

const stackTrace = /\n?\s+at\s\S+.*:\d+:\d+|node:internal|\.ts:\d+/;

/** Expects an error that every client can read: the status, JSON, a readable `detail`, and no internals. */
export function expectProblem(reply: Pick<Reply, "status" | "text" | "body"> & { headers?: Headers }, status: number) {
  expect(reply.status, reply.text).toBe(status);
  expect(reply.body, reply.text).toMatchObject({ detail: expect.stringMatching(/\w/), status });
  if (reply.headers) expect(reply.headers.get("content-type")).toMatch(/^application\/(problem\+)?json/);
  expect(reply.text).not.toMatch(stackTrace);
}

/** The `detail` of an error. */
export function detailIn(reply: Pick<Reply, "body">): string {
  return z.looseObject({ detail: z.string() }).parse(reply.body).detail;
}

/** Sends bytes on a new connection and resolves with the answer when the server closes it. */
export async function sendBytes(service: TestService, bytes: string | Buffer): Promise<string> {
  const socket = connectTo(service);
  // Only written, not ended: a client keeps its side open while it waits.
  socket.write(bytes);
  const [answer] = await Promise.all([text(socket), once(socket, "close")]);
  return answer;
}

export function connectTo({ address }: TestService): Socket {
  const { hostname, port } = new URL(address);
  return connect(Number(port), hostname);
}

/** A request whose connection the server closes when it has answered. */
export function requestBytes(method: string, target: string, headers: readonly string[] = [], body = ""): Buffer {
  const lines = [`${method} ${target} HTTP/1.1`, "Host: localhost", "Connection: close", ...headers, "", body];
  return Buffer.from(lines.join("\r\n"));
}

/** The parts of an answer that was read as bytes. */
export function parseAnswer(answer: string): Pick<Reply, "status" | "text" | "body" | "headers"> {
  const end = answer.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = answer.slice(0, end).split("\r\n");
  const headers = new Headers(
    lines.map((line): [string, string] => [line.slice(0, line.indexOf(":")), fieldValue(line)]),
  );
  const rest = answer.slice(end + 4);
  const content = headers.get("transfer-encoding") === "chunked" ? unchunk(rest) : rest;
  return { status: Number(statusLine.split(" ")[1]), headers, text: content, body: parse(content) };
}

function fieldValue(line: string): string {
  return line.slice(line.indexOf(":") + 1).trim();
}

function unchunk(body: string): string {
  let [whole, rest] = ["", Buffer.from(body)];
  for (;;) {
    const end = rest.indexOf("\r\n");
    const size = Number.parseInt(rest.subarray(0, end).toString(), 16);
    if (!(size > 0)) return whole;
    whole += rest.subarray(end + 2, end + 2 + size).toString();
    rest = rest.subarray(end + 4 + size);
  }
}

function parse(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

function readable(value: unknown): ShownRecord {
  const record = parseRecord(JSON.stringify(value));
  if (!record) throw new Error(`not a task record: ${JSON.stringify(value)}`);
  return record;
}
