import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { createRouter } from "../../local/router.ts";
import { securityHeaders } from "../../shared/http/security-headers.ts";
import { startHttpDouble } from "../support/http-double.ts";

/** A router that forwards every request to one port. */
async function startRouter(port: number | undefined) {
  const router = createRouter(
    () => "a-function",
    () => port,
  ).listen(0, "127.0.0.1");
  await once(router, "listening");
  onTestFinished(() => {
    router.close();
    router.closeAllConnections();
  });
  return (router.address() as AddressInfo).port;
}

const portOf = (url: string) => Number(new URL(url).port);

test("connection headers of a function are not forwarded", async () => {
  const fn = await startHttpDouble((response) => response.writeHead(200, { "keep-alive": "timeout=72" }).end("{}"));
  const router = await startRouter(portOf(fn.url));
  const socket = connect(router, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1.1 200 /);
  expect(answer).not.toMatch(/^Keep-Alive: timeout=72/im);
  expect(fn.seen[0]?.headers.connection).toBe("keep-alive");
});

test.each([
  ["a function that cannot be reached", 1, 502],
  ["a path without a function", undefined, 404],
])("%s is answered as a function would, with a detail, an id and the security headers", async (_, port, status) => {
  const router = await startRouter(port);
  const answer = await fetch(`http://127.0.0.1:${router}/`, { headers: { "x-request-id": "mine" } });
  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject({ detail: expect.any(String), status });
  expect(Object.fromEntries(answer.headers)).toMatchObject({ ...securityHeaders, "x-request-id": "mine" });
});

test("the router answers /livez itself, by GET alone", async () => {
  const router = await startRouter(undefined);
  const answer = await fetch(`http://127.0.0.1:${router}/livez?from=probe`);
  expect([answer.status, await answer.json()]).toEqual([200, { status: "ok" }]);
  expect(Object.fromEntries(answer.headers)).toMatchObject(securityHeaders);
  expect((await fetch(`http://127.0.0.1:${router}/livez`, { method: "POST" })).status).toBe(404);
});

test("a path that is too long is answered with a detail", async () => {
  const router = await startRouter(1);
  const socket = connect(router, "127.0.0.1");
  socket.write(`GET /${"x".repeat(300_000)} HTTP/1.1\r\nHost: here\r\n\r\n`);
  expect(await text(socket)).toMatch(/^HTTP\/1.1 414 .*"detail":/s);
});
