import { type AddressInfo, createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";

/** Answers each connection with these pieces, a while after its first bytes. */
const pieces: readonly string[] = workerData;
const [firstMs, nextMs] = [150, 20];

const server = createServer((socket) => {
  socket.on("error", () => {});
  socket.once("data", async () => {
    await pause(firstMs);
    for (const piece of pieces) {
      socket.write(piece);
      await pause(nextMs);
    }
  });
}).listen(0, "127.0.0.1", () => parentPort?.postMessage((server.address() as AddressInfo).port));
