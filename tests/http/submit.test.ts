import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { useService } from "../support/service.ts";
import { aliceTask, aliceTasks, parseAnswer, requestBytes, sendBytes, submit, taskIn } from "./support.ts";

const service = useService();
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+09:00$/);

test("a submission is 202 with the next id and pending, and nothing else", async () => {
  const first = await service.post(`${aliceTasks}?src=/home/gpu1&dst=/scratch`);
  expect([first.status, first.text]).toEqual([202, '{"task_id":"1","status":"pending"}']);
  expect(first.headers.get("content-type")).toBe("application/json; charset=utf-8");
  expect((await service.post(aliceTasks)).body).toEqual({ task_id: "2", status: "pending" });
});

test("a task is shown exactly as other programs find it in Redis", async () => {
  const id = await submit(service, "?src=/home/gpu1&dst=/scratch");
  const { text, body } = await service.get(aliceTask(id));
  expect(body).toEqual({
    task: {
      task_id: "1",
      service: "sync",
      user_id: "alice",
      status: "pending",
      parameters: { src: "/home/gpu1", dst: "/scratch" },
      created_at: time,
      updated_at: time,
      logs: [],
      result: { pod_status: null, launcher_output: null },
      priority: "low",
      active_jobs: [],
    },
  });
  expect(text).toBe(`{"task":${await service.redis.client.get(keys.record(id))}}`);
});

test("fifty submissions at once get fifty different ids, and every task is there", async () => {
  const ids = await Promise.all(Array.from({ length: 50 }, (_, index) => submit(service, `?n=${index}`)));
  expect(new Set(ids).size).toBe(50);
  const found = await Promise.all(ids.map(async (id) => taskIn(await service.get(aliceTask(id))).parameters.n));
  expect(found).toEqual(Array.from({ length: 50 }, (_, index) => String(index)));
});

test.each([
  ["application/json", ""],
  ["application/x-www-form-urlencoded", "src=/ignored"],
  ["multipart/form-data; boundary=x", "--x--"],
  ["text/plain; charset=utf-16", "a"],
  ["no media type", "a"],
  ["text/plain charset=utf-8", "a"],
  ["text/plain, text/html", "a"],
  ["", "a"],
])("a body of type %j with %j is read and dropped", async (type, body) => {
  const headers = [`Content-Type: ${type}`, `Content-Length: ${body.length}`];
  const target = `/api/v1${aliceTasks}?src=/a`;
  const reply = parseAnswer(await sendBytes(service, requestBytes("POST", target, headers, body)));
  expect(reply.status, reply.text).toBe(202);
  expect(taskIn(await service.get(aliceTask("1"))).parameters).toEqual({ src: "/a" });
});

test.each([
  ["without a length", []],
  ["of length 0", ["Content-Length: 0"]],
  ["of length 0 that claims to be JSON", ["Content-Type: application/json", "Content-Length: 0"]],
])("a cancellation with a body %s works", async (_, headers) => {
  const id = await submit(service);
  const answer = await sendBytes(service, requestBytes("POST", `/api/v1${aliceTask(id, "/cancel")}`, headers));
  expect(taskIn(parseAnswer(answer)).status).toBe("cancelled");
});

test.each(["text/x", "no media type", ""])("a body in chunks of type %j is read and dropped", async (type) => {
  const headers = [`Content-Type: ${type}`, "Transfer-Encoding: chunked"];
  const bytes = requestBytes("POST", `/api/v1${aliceTasks}`, headers, "3\r\nabc\r\n0\r\n\r\n");
  expect(parseAnswer(await sendBytes(service, bytes)).status).toBe(202);
});

test("a GET and a DELETE may carry a body", async () => {
  const id = await submit(service);
  const headers = ["Content-Type: application/json", "Content-Length: 3"];
  for (const method of ["GET", "DELETE"]) {
    const answer = await sendBytes(service, requestBytes(method, `/api/v1${aliceTask(id)}`, headers, "abc"));
    expect(taskIn(parseAnswer(answer)).task_id).toBe(id);
  }
});
