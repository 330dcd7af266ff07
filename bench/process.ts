import { fork } from "node:child_process";
import { once } from "node:events";
import { z } from "zod";

/** The settings of a server: environment variables of the service, and settings of the benchmark. */
export type Settings = Readonly<Record<string, string>>;

/** A question to a running server. */
export const question = z.object({ id: z.number(), verb: z.string(), count: z.number().optional() });
export type Question = z.infer<typeof question>;

const reply = z.object({ id: z.number(), value: z.unknown().optional(), error: z.string().optional() });
type Reply = z.infer<typeof reply>;

/** One server process of the benchmark. */
export interface BenchProcess {
  /** The URL on which it listens, without a trailing slash; empty when it does not listen. */
  readonly address: string;
  /** Sends a question and resolves with the answer; fails with the server's error, or when it ends. */
  ask<Value>(asked: Omit<Question, "id">, value: z.ZodType<Value>): Promise<Value>;
  /** Stops the process and resolves when it has exited. Tolerates being called twice. */
  stop(): Promise<void>;
}

/** Time for a server to stop before it is killed, in ms. */
const stopTimeout = 5000;

/** Starts a file of `bench/servers` and resolves when it is ready. It is killed when `signal` aborts before that. */
export async function startProcess(server: string, settings: Settings, signal: AbortSignal): Promise<BenchProcess> {
  const child = fork(new URL(`./servers/${server}.ts`, import.meta.url), [JSON.stringify(settings)], {
    // A separate process group: Ctrl-C must not reach it. Its log goes to /dev/null, as fast as a drained pipe.
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const exited = once(child, "exit").then(([code]) => {
    throw new Error(`the server ${server} ended with code ${code}`);
  });
  // A regular end must not be an unhandled rejection.
  exited.catch(() => {});
  const kill = () => child.kill("SIGKILL");
  signal.addEventListener("abort", kill);
  const waiting = new Map<number, (reply: Reply) => void>();
  child.on("message", (message) => {
    const got = reply.parse(message);
    waiting.get(got.id)?.(got);
    waiting.delete(got.id);
  });
  let last = 0;

  async function replyTo(id: number): Promise<unknown> {
    const { error, value } = await Promise.race([new Promise<Reply>((resolve) => waiting.set(id, resolve)), exited]);
    if (error !== undefined) throw new Error(`the server ${server} failed: ${error}`);
    return value;
  }

  const address = z.string().parse(await replyTo(0));
  signal.removeEventListener("abort", kill);
  return {
    address,
    async ask(asked, value) {
      last += 1;
      child.send({ ...asked, id: last } satisfies Question);
      return value.parse(await replyTo(last));
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const timer = setTimeout(kill, stopTimeout);
      child.kill("SIGTERM");
      await exited.catch(() => {});
      clearTimeout(timer);
    },
  };
}
