import { once } from "node:events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { useService } from "../support/service.ts";
import { connectTo, expectProblem, parseAnswer, requestBytes, sendBytes } from "./support.ts";

const service = useService();
const runs = { numRuns: 300, seed: 20_261_124 };

const known = [
  "api",
  "v1",
  "services",
  "users",
  "tasks",
  "admin",
  "cancel",
  "help",
  "healthz",
  "sync",
  "alice",
  "1",
  "2",
];
const odd = [
  "",
  ".",
  "..",
  "%",
  "%2F",
  "%00",
  "%ff",
  "%0a",
  "*",
  ":id",
  "{id}",
  "__proto__",
  "a:users",
  "9".repeat(20),
  ";",
  "~",
];
const text = fc.oneof(fc.string({ unit: "binary", maxLength: 20 }).map(safeEncode), fc.constantFrom(...odd, ...known));
const segment = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: text });
const path = fc.oneof(
  fc.array(segment, { maxLength: 8 }).map((parts) => `/${parts.join("/")}`),
  fc.tuple(text, text).map(([service, user]) => `/api/v1/services/${service}/users/${user}/tasks`),
  fc.tuple(text, text).map(([service, id]) => `/api/v1/services/${service}/tasks/${id}`),
  fc.tuple(text, text).map(([service, id]) => `/api/v1/services/${service}/tasks/${id}/cancel`),
  text.map((service) => `/api/v1/admin/services/${service}/tasks`),
  text.map((id) => `/api/v1/admin/tasks/${id}`),
);
const name = fc.oneof(fc.constantFrom("user_id", "limit", "cursor", "order", "fail"), text);
const query = fc
  .array(fc.tuple(name, text), { maxLength: 5 })
  .map((pairs) => pairs.map((pair) => pair.join("=")).join("&"));
const token = fc.constantFrom("X-Operator-Token: changeme", "X-Operator-Token: no", "X-Operator-Token:", "A: b");
const type = fc.constantFrom(
  "Content-Type: application/json",
  "Content-Type: text/plain",
  "Accept: x",
  "Accept-Encoding: zip",
);
const method = fc.constantFrom("GET", "POST", "DELETE", "GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "TRACE");
const body = fc.oneof(fc.constant(""), fc.string({ unit: "grapheme-ascii", maxLength: 50 }));

test("no request gets a 5xx, a stack trace or an error without a detail", async () => {
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(method, path, query, token, type, body, async (...parts) => {
      const reply = parseAnswer(await sendBytes(service, bytesOf(...parts)));
      seen.add(reply.status);
      expect(reply.status).toBeLessThan(500);
      if (reply.status >= 400) expectProblem(reply, reply.status);
      else expect(reply.body, reply.text).toBeTypeOf("object");
    }),
    runs,
  );
  // Otherwise the requests were too similar.
  expect([...seen].sort()).toEqual(expect.arrayContaining([200, 202, 401, 404, 422]));
  expect(service.logs.filter(({ level }) => level === "error" || level === "fatal")).toEqual([]);
  expect((await service.get("/healthz")).status).toBe(200);
});

test("a request with one wrong byte is answered", async () => {
  const whole = requestBytes("POST", "/api/v1/services/sync/users/alice/tasks?a=b", ["Content-Length: 3"], "abc");
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: whole.length - 4 }), fc.nat({ max: 255 }), async (at, byte) => {
      // Blank lines behind it, so that a longer length or another end of the headers still finds its bytes.
      const bytes = Buffer.concat([whole, Buffer.from("\r\n".repeat(64))]);
      bytes[at] = byte;
      const socket = connectTo(service);
      socket.write(bytes);
      const [answer] = await once(socket, "data");
      socket.destroy();
      expect(String(answer)).toMatch(/^HTTP\/1\.1 [234]\d\d /);
    }),
    { ...runs, numRuns: 200 },
  );
});

function bytesOf(verb: string, target: string, search: string, ...rest: [string, string, string]): Buffer {
  const [operatorToken, contentType, content] = rest;
  const headers = [operatorToken, contentType, ...(content === "" ? [] : [`Content-Length: ${content.length}`])];
  return requestBytes(verb, search === "" ? target : `${target}?${search}`, headers, content);
}

/** Percent-encodes characters that a request line cannot contain, and replaces lone surrogates. */
function safeEncode(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}
