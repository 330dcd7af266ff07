import { once } from "node:events";
import { expect, test } from "vitest";
import { useService } from "../support/service.ts";
import { connectTo, expectProblem, parseAnswer, requestBytes, sendBytes } from "./support.ts";

const service = useService();
const post = "/api/v1/services/sync/users/alice/tasks";

test.each<[string, string | Buffer]>([
  ["words", "hello there\r\n\r\n"],
  ["an unknown method", "FETCH /api/v1/help HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["a lower-case method", "get /api/v1/help HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["no target", "GET HTTP/1.1\r\n\r\n"],
  ["a version that does not exist", "GET /api/v1/help HTTP/9.9\r\nHost: x\r\n\r\n"],
  ["HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["a TLS hello", Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])],
  ["zero bytes", Buffer.alloc(64)],
  ["a header without a colon", "GET /api/v1/help HTTP/1.1\r\nHost\r\n\r\n"],
  ["a header name with a blank", "GET /api/v1/help HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n"],
  ["a zero byte in a header", "GET /api/v1/help HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n"],
  ["no Host header", "GET /api/v1/help HTTP/1.1\r\nConnection: close\r\n\r\n"],
  ["a tunnel, which only a proxy gives", "CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n"],
  ["a length that is no number", requestBytes("POST", post, ["Content-Length: ten"])],
  ["two lengths", requestBytes("POST", post, ["Content-Length: 1", "Content-Length: 2"], "a")],
  ["a length and chunks", requestBytes("POST", post, ["Content-Length: 3", "Transfer-Encoding: chunked"], "0\r\n\r\n")],
  [
    "a chunk of no size",
    requestBytes("POST", post, ["Content-Type: a/b", "Transfer-Encoding: chunked"], "zz\r\na\r\n"),
  ],
])("%s is 400 as JSON", async (_, bytes) => {
  expectProblem(parseAnswer(await sendBytes(service, bytes)), 400);
});

test("an unknown expectation is ignored, or 417 as JSON", async () => {
  const reply = parseAnswer(await sendBytes(service, requestBytes("POST", post, ["Expect: the-impossible"])));
  if (reply.status !== 202) expectProblem(reply, 417);
});

test("a client that announces a body with 100-continue gets its answer", async () => {
  const headers = ["Expect: 100-continue", "Content-Type: text/plain", "Content-Length: 1"];
  const answer = await sendBytes(service, requestBytes("POST", post, headers, "a"));
  expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 202 /);
});

test("clients of HTTP/1.0 and of absolute targets are served", async () => {
  const old = await sendBytes(service, "GET /api/v1/services/sync/users HTTP/1.0\r\n\r\n");
  const absolute = await sendBytes(service, requestBytes("GET", "http://localhost/api/v1/services/sync/users"));
  for (const answer of [old, absolute]) expect(parseAnswer(answer).body).toEqual({ users: [] });
});

test("a client that disconnects in the middle of a request does not harm the service", async () => {
  await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const bytes = requestBytes("POST", post, ["Content-Type: a/b", "Content-Length: 10"], "abc");
      await sendAndLeave(bytes.subarray(0, 5 + index * 10));
    }),
  );
  expect((await service.get("/healthz")).status).toBe(200);
  expect(service.logs.filter(({ level }) => level === "error")).toEqual([]);
});

async function sendAndLeave(bytes: Buffer): Promise<void> {
  const socket = connectTo(service);
  await once(socket, "connect");
  socket.write(bytes);
  socket.resetAndDestroy();
  await once(socket, "close");
}
