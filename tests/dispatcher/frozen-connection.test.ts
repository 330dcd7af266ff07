import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { buildConnector, Client } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { createExchange } from "../../functions/background/dispatcher/scheduler/exchange.ts";

test("a request whose connection is ready only after its deadline does not leave the process", async () => {
  const received: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => received.push(String(chunk)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const connect = buildConnector({});
  const ready = Promise.withResolvers<void>();
  const client = new Client(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    // As a process finds it that was stopped while it was connecting: no timer of its own has run yet.
    connect: (target, done) => void ready.promise.then(() => connect(target, done)),
  });
  onTestFinished(() => client.destroy());
  const closed = once(client, "connect");
  const exchange = createExchange(performance.now() - 1, () => {});
  client.dispatch({ method: "POST", path: "/task", body: "{}" }, exchange.handler);
  ready.resolve();
  await closed;
  expect(await exchange.outcome).toEqual({ kind: "not_started", cause: "REQUEST_TIMEOUT", unavailable: true });
  await client.close();
  expect(received).toEqual([]);
});
