import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants, setPriority } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { z } from "zod";
import {
  bannerSchema,
  type faultSchema,
  type Report,
  reportSchema,
  type State,
  type settingsSchema,
  stateSchema,
} from "../scheduler/settings.ts";
import { end, keep } from "./children.ts";

export type SchedulerSettings = z.input<typeof settingsSchema>;
export type FaultSettings = z.input<typeof faultSchema>;

/** The scheduler's process and the tests' way in. */
export interface FaultScheduler {
  readonly url: string;
  /** Adds to the faults that are on; the first one that fits a request meets it. */
  fault(...faults: FaultSettings[]): Promise<void>;
  /** Ends all faults. */
  noFaults(): Promise<void>;
  /** False: its address refuses connections. */
  listen(up: boolean): Promise<void>;
  /** Everybody's requests where no user is named. `published`: the shared keys say so. @default true */
  block(blocked: boolean, user?: string, published?: boolean): Promise<void>;
  change(settings: Partial<SchedulerSettings>): Promise<void>;
  /** Has it read the record of a running task now and write it back in `ms`; does nothing for another task. */
  lateWrite(taskId: string, ms: number): Promise<void>;
  /** Has it lose a job without a trace. */
  forget(taskId: string): Promise<void>;
  /** Has it forget every job and its whole report. */
  reset(): Promise<void>;
  report(): Promise<Report>;
  /** What it has under way. */
  state(): Promise<State>;
  stop(): Promise<void>;
}

const entry = fileURLToPath(new URL("../scheduler/main.ts", import.meta.url));

/** Starts the scheduler in a process of its own. */
export async function startFaultScheduler(settings: SchedulerSettings): Promise<FaultScheduler> {
  const child = keep(
    spawn(process.execPath, [entry, JSON.stringify(settings)], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  raisePriority(child.pid);
  const lines = createInterface(child.stdout);
  const failed = once(child, "exit").then(() => Promise.reject(new Error("the scheduler has ended at its start")));
  const [line] = await Promise.race([once(lines, "line"), failed]);
  failed.catch(() => {});
  const { address, control } = bannerSchema.parse(JSON.parse(String(line)));

  async function ask(method: "GET" | "POST", verb: string, body?: object): Promise<unknown> {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await fetch(`${control}/control/${verb}`, init);
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(`the scheduler says to ${verb}: ${JSON.stringify(answer)}`);
    return answer;
  }
  const post = async (verb: string, body: object) => {
    await ask("POST", verb, body);
  };
  return {
    url: address,
    fault: (...faults) => post("faults", faults),
    noFaults: () => post("no-faults", {}),
    listen: (up) => post("listen", { up }),
    block: (blocked, user, published = true) =>
      post("block", { blocked, published, ...(user === undefined ? {} : { user }) }),
    change: (changed) => post("settings", changed),
    lateWrite: (task_id, ms) => post("late-write", { task_id, ms }),
    forget: (task_id) => post("forget", { task_id }),
    reset: () => post("reset", {}),
    report: async () => reportSchema.parse(await ask("GET", "report")),
    state: async () => stateSchema.parse(await ask("GET", "state")),
    stop: () => end(child, "SIGKILL"),
  };
}

/** On a busy machine everybody may be late but the scheduler: it would be harmed by what is not the service's fault. */
function raisePriority(pid = 0): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_HIGH);
  } catch {
    // Only root may do that.
  }
}
