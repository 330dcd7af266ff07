import { once } from "node:events";
import { request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { createRouter } from "../../local/router.ts";
import { securityHeaders } from "../../shared/http/security-headers.ts";
import { startHttpDouble } from "../support/http-double.ts";

/** A router that forwards every request to one port. */
async function startRouter(port: number | undefined, { timeoutMs = 10_000, bodyLimit = 1000 } = {}) {
  let fault: string | undefined = "a-function has not answered";
  const router = createRouter({
    routing: (_method, path) => (path === "/nowhere" ? undefined : { name: "a-function", timeoutMs }),
    portOf: () => port,
    bodyLimitOf: () => bodyLimit,
    fault: async () => fault,
  }).listen(0, "127.0.0.1");
  await once(router, "listening");
  onTestFinished(() => {
    router.close();
    router.closeAllConnections();
  });
  const { port: own } = router.address() as AddressInfo;
  const becomeReady = () => {
    fault = undefined;
  };
  return { address: `http://127.0.0.1:${own}`, port: own, becomeReady };
}

/** Sends bytes and resolves with the answer when the router closes the connection. */
async function exchange({ port }: { port: number }, bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(bytes);
  return text(socket);
}

const portOf = (url: string) => Number(new URL(url).port);

test("connection headers of a function are not forwarded", async () => {
  const fn = await startHttpDouble((response) => response.writeHead(200, { "keep-alive": "timeout=72" }).end("{}"));
  const router = await startRouter(portOf(fn.url));
  const answer = await exchange(router, "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
  expect(answer).toMatch(/^HTTP\/1.1 200 /);
  expect(answer).not.toMatch(/^Keep-Alive: timeout=72/im);
  expect(fn.seen[0]?.headers.connection).toBe("keep-alive");
});

test.each([
  ["a function that cannot be reached", 1, "/", 503],
  ["a function that is not running", undefined, "/", 503],
  ["a path without a function", 1, "/nowhere", 404],
])(
  "%s is answered as a function would, with a detail, an id and the security headers",
  async (_, port, path, status) => {
    const router = await startRouter(port);
    const answer = await fetch(router.address + path, { headers: { "x-request-id": "mine" } });
    expect(answer.headers.get("retry-after")).toBe(status === 503 ? "1" : null);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ detail: expect.any(String), status });
    expect(Object.fromEntries(answer.headers)).toMatchObject({ ...securityHeaders, "x-request-id": "mine" });
  },
);

test("the router answers /livez itself, by GET alone", async () => {
  const router = await startRouter(undefined);
  const answer = await fetch(`${router.address}/livez?from=probe`);
  expect([answer.status, await answer.json()]).toEqual([200, { status: "ok" }]);
  expect(Object.fromEntries(answer.headers)).toMatchObject(securityHeaders);
  expect((await fetch(`${router.address}/livez`, { method: "POST" })).status).toBe(503);
});

test("a path that is too long is answered with a detail", async () => {
  const router = await startRouter(1);
  const answer = await exchange(router, `GET /${"x".repeat(300_000)} HTTP/1.1\r\nHost: here\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1.1 414 .*"detail":/s);
});

test.each([
  ["declared", { "content-length": "1001" }],
  ["chunked", { "transfer-encoding": "chunked" }],
])("a body that is too long and %s is 413 on a connection that stays usable for its answer", async (_, headers) => {
  const fn = await startHttpDouble();
  const router = await startRouter(portOf(fn.url));
  const call = request(router.address, { method: "POST", headers });
  call.on("error", () => {});
  call.end("x".repeat(1001));
  const [answer] = await once(call, "response");
  expect([answer.statusCode, JSON.parse(await text(answer)).detail]).toEqual([413, "Request body is too large"]);
  expect(fn.seen).toEqual([]);
});

test("a long upload reaches its function as a whole, however slowly it arrives", async () => {
  const fn = await startHttpDouble();
  const router = await startRouter(portOf(fn.url));
  const socket = connect(router.port, "127.0.0.1");
  socket.write("POST / HTTP/1.1\r\nHost: here\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  // The router answers another request meanwhile.
  expect((await fetch(`${router.address}/livez`)).status).toBe(200);
  expect(fn.seen).toEqual([]);
  socket.write("2\r\nde\r\n0\r\n\r\n");
  expect(await text(socket)).toMatch(/^HTTP\/1.1 202 /);
  expect(fn.seen[0]?.headers).toMatchObject({ "content-length": "5" });
  expect(fn.seen[0]?.headers).not.toHaveProperty("transfer-encoding");
});

test("a function that hangs is 504 after the limit of its route", async () => {
  const fn = await startHttpDouble(() => {});
  const router = await startRouter(portOf(fn.url), { timeoutMs: 200 });
  const answer = await fetch(router.address, { method: "POST" });
  expect([answer.status, await answer.json()]).toMatchObject([504, { title: "Gateway Timeout" }]);
});

test("a function that ends without an answer is 502, which is no invitation to submit again", async () => {
  const fn = await startHttpDouble((response) => response.destroy());
  const router = await startRouter(portOf(fn.url));
  const answer = await fetch(router.address, { method: "POST" });
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([502, null]);
  expect(await answer.json()).toMatchObject({ detail: expect.stringMatching(/may have been recorded/) });
});

test("an answer that breaks off closes the client's connection", async () => {
  const fn = await startHttpDouble((response) => {
    response.writeHead(200, { "content-length": "10" });
    response.write("abc", () => response.destroy());
  });
  const router = await startRouter(portOf(fn.url));
  await expect(fetch(router.address).then((answer) => answer.text())).rejects.toThrow();
});

test("trailers of a function reach the client", async () => {
  const fn = await startHttpDouble((response) => {
    response.writeHead(200, { trailer: "dms-unreadable-tasks" });
    response.addTrailers({ "dms-unreadable-tasks": "3" });
    response.end("{}");
  });
  const router = await startRouter(portOf(fn.url));
  const answer = await exchange(router, "GET / HTTP/1.1\r\nHost: here\r\nTE: trailers\r\nConnection: close\r\n\r\n");
  expect(answer).toMatch(/^dms-unreadable-tasks: 3/im);
});

test.each([
  ["Expect: 100-continue", /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 202 /],
  ["Expect: the-impossible", /^HTTP\/1.1 202 /],
])("a body announced with %s is accepted", async (header, expected) => {
  const fn = await startHttpDouble();
  const router = await startRouter(portOf(fn.url));
  const head = `POST / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n${header}\r\nContent-Length: 1\r\n\r\n`;
  expect(await exchange(router, `${head}a`)).toMatch(expected);
  expect(fn.seen[0]?.headers).not.toHaveProperty("expect");
});

test("a target in absolute form is the same as its path and query", async () => {
  const fn = await startHttpDouble();
  const router = await startRouter(portOf(fn.url));
  for (const target of ["http://here", "http://here/a?b=http://c", "HTTP://here?d"]) {
    await exchange(router, `GET ${target} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n`);
  }
  expect(fn.seen.map(({ url }) => url)).toEqual(["/", "/a?b=http://c", "/?d"]);
});

test("a request of HTTP/1.1 without a Host is 400 with a detail, and one of HTTP/1.0 is served", async () => {
  const fn = await startHttpDouble();
  const router = await startRouter(portOf(fn.url));
  const answer = await exchange(router, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  expect(answer).toMatch(/^HTTP\/1.1 400 .*"detail":"The request has no Host header"/s);
  expect(await exchange(router, "GET / HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1.1 202 /);
});

test("/livez answers always, /readyz when the functions are ready", async () => {
  const router = await startRouter(undefined);
  expect((await fetch(`${router.address}/livez`)).status).toBe(200);
  const unready = await fetch(`${router.address}/readyz`);
  expect([unready.status, await unready.json()]).toMatchObject([503, { detail: "a-function has not answered" }]);
  router.becomeReady();
  expect((await fetch(`${router.address}/readyz`)).status).toBe(200);
});
