import { fork } from "node:child_process";
import { once } from "node:events";
import { z } from "zod";

/** What a server is told at its start: the service's own environment variables, and what the server adds. */
export type Settings = Readonly<Record<string, string>>;

/** What a server may be asked while it runs. */
export const question = z.object({ id: z.number(), verb: z.string(), count: z.number().optional() });
export type Question = z.infer<typeof question>;

const reply = z.object({ id: z.number(), value: z.unknown().optional(), error: z.string().optional() });
type Reply = z.infer<typeof reply>;

/** One server process of the benchmark. */
export interface BenchProcess {
  /** Where it listens, without a slash at the end; empty for one that does not. */
  readonly address: string;
  /** Asks the server to do or tell something; fails with its error, or when it ends. */
  ask<Value>(asked: Omit<Question, "id">, value: z.ZodType<Value>): Promise<Value>;
  /** Ends the process and resolves when it is gone. Tolerates being called twice. */
  stop(): Promise<void>;
}

/** How long a server may take to stop before it is killed, in ms. */
const patience = 5000;

/** Starts a file of `bench/servers` and resolves when it is ready. When `signal` aborts before, it is killed. */
export async function startProcess(server: string, settings: Settings, signal: AbortSignal): Promise<BenchProcess> {
  const child = fork(new URL(`./servers/${server}.ts`, import.meta.url), [JSON.stringify(settings)], {
    // A process group of its own: Ctrl-C reaches us first. Its log goes to /dev/null, as fast as a drained pipe.
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const gone = once(child, "exit").then(([code]) => {
    throw new Error(`the server ${server} has ended with code ${code}`);
  });
  // Nobody may be waiting when it ends as it should.
  gone.catch(() => {});
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
    const { error, value } = await Promise.race([new Promise<Reply>((resolve) => waiting.set(id, resolve)), gone]);
    if (error !== undefined) throw new Error(`the server ${server} says: ${error}`);
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
      const timer = setTimeout(kill, patience);
      child.kill("SIGTERM");
      await gone.catch(() => {});
      clearTimeout(timer);
    },
  };
}
