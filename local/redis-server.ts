import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { findRedisServer } from "./redis-binary.ts";

export interface RedisServerOptions {
  /** Directory of the append-only file; created when missing. Without it, nothing is written to disk. */
  readonly directory?: string;
  /** @default a free one */
  readonly port?: number;
  /** Additional `redis-server` arguments, e.g. `["--maxmemory", "2mb"]`. */
  readonly extra?: readonly string[];
}

export interface RedisServer {
  /** `redis://127.0.0.1:<port>/0` */
  readonly url: string;
  readonly port: number;
  readonly process: ChildProcess;
  /** Stops the server after it has written its data; resolves when it has exited. Tolerates being called twice. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Arguments to write nothing to disk, not even the data of a primary, and to load no existing dump. */
function inMemory(port: number): string[] {
  const dump = `dms-${process.pid}-${port}.rdb`;
  return ["--appendonly", "no", "--dir", tmpdir(), "--dbfilename", dump, "--repl-diskless-load", "swapdb"];
}

/** Starts a redis-server on loopback and resolves when it accepts connections. */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const binary = await findRedisServer();
  const port = options.port ?? (await freePort());
  const persistence = options.directory === undefined ? inMemory(port) : await appendOnly(options.directory);
  const child = spawn(
    binary,
    ["--port", String(port), "--bind", "127.0.0.1", "--save", "", ...persistence, ...(options.extra ?? [])],
    // A separate process group: Ctrl-C must not reach Redis, which stops after everything that needs it.
    { stdio: ["ignore", "pipe", "pipe"], detached: true },
  );
  await untilReady(child);
  return {
    url: `redis://127.0.0.1:${port}/0`,
    port,
    process: child,
    stop: (signal = "SIGTERM") => stop(child, signal),
  };
}

async function appendOnly(directory: string): Promise<string[]> {
  await mkdir(directory, { recursive: true });
  return ["--dir", directory, "--appendonly", "yes"];
}

/** A free TCP port on loopback; another program may take it before it is used. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free TCP port on 127.0.0.1");
  return address.port;
}

function untilReady(child: ChildProcess): Promise<void> {
  let output = "";
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes("Ready to accept connections")) resolve();
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("error", reject);
    child.once("exit", (code) =>
      reject(new Error(`redis-server could not start and ended with code ${code}:\n${output.trim()}`)),
    );
  });
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}
