import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";

/** Clients that have sent a request and read nothing of its answer. */
export interface StoppedReaders {
  /** Ends their connections. */
  close(): void;
}

/** Opens connections to a loopback port, each with one GET of `target` whose answer is never read. */
export async function openStoppedReaders(port: number, target: string, count: number): Promise<StoppedReaders> {
  const sockets: Socket[] = [];
  for (let index = 0; index < count; index += 1) {
    const socket = connect(port, "127.0.0.1");
    sockets.push(socket);
    // The server may close the connection.
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.pause();
    socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  }
  return {
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Current and peak resident memory of a process, in MiB; Linux only. */
export async function memoryOf(pid: number): Promise<{ readonly now: number; readonly peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const figure = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  return { now: figure("VmRSS"), peak: figure("VmHWM") };
}
