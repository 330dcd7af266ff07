import { once } from "node:events";
import { connect, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/until.ts";
import { createCommandCounter } from "./history/resp.ts";
import { openWire, type WireState } from "./history/wire.ts";

/** A wire to a server that sends back what it gets, and a connection over it. */
async function openEcho() {
  const echo = createServer((socket) => void socket.on("error", () => {}).pipe(socket));
  await once(echo.listen(0, "127.0.0.1"), "listening");
  const address = echo.address();
  const wire = await openWire(typeof address === "object" ? (address?.port ?? 0) : 0);
  const socket = connect(wire.port, "127.0.0.1").on("error", () => {});
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  onTestFinished(() => {
    wire.close();
    echo.close();
  });
  await once(socket, "connect");
  return { wire, socket, text: () => text };
}

test("what goes over a wire keeps its order while delays come and go", async () => {
  const { wire, socket, text } = await openEcho();
  const states: WireState[] = [{ kind: "slow", requests: 30, answers: 60 }, { kind: "whole" }];
  let sent = "";
  for (let count = 0; count < 400; count += 1) {
    wire.set(states[count % 7 === 0 ? 0 : 1] ?? { kind: "whole" });
    sent += `${count} `;
    socket.write(`${count} `);
    await new Promise((resolve) => setImmediate(resolve));
    // A busy process, whose timers are late.
    if (count % 50 === 0) for (const end = performance.now() + 40; performance.now() < end; );
  }
  await until(() => text().length === sent.length);
  expect(text()).toBe(sent);
});

test("a wire that has lost answers breaks, so that none of the later ones is taken for them", async () => {
  const { wire, socket, text } = await openEcho();
  wire.set({ kind: "deaf" });
  socket.write("lost");
  await new Promise((resolve) => setTimeout(resolve, 50));
  const closed = once(socket, "close");
  wire.set({ kind: "whole" });
  await closed;
  expect(text()).toBe("");
});

test("a loading Redis answers every command, however it is cut into pieces", () => {
  const commands = "*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$6\r\n*1\r\n$1\r\n".repeat(3);
  const count = createCommandCounter();
  const counts = [...commands].map((byte) => count(Buffer.from(byte)));
  expect(counts.reduce((sum, one) => sum + one, 0)).toBe(6);
  expect(createCommandCounter()(Buffer.from(commands))).toBe(6);
});
