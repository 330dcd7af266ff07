import { setTimeout as pause } from "node:timers/promises";
import type { Accepted, AcceptedTask } from "./audit.ts";
import { createClient } from "./client.ts";
import type { Random } from "./random.ts";

export interface LoadOptions {
  /** Where to send the next request; asked anew for each. */
  readonly address: () => string;
  readonly users: readonly string[];
  readonly random: Random;
  /** Clients that submit one task after the other. @default 4 */
  readonly clients?: number;
  /** Longest pause of a client between two submissions, in ms. @default 40 */
  readonly pauseMs?: number;
}

/** Clients that submit tasks until they are stopped. */
export interface Load {
  /** What was answered with 202; grows. */
  readonly accepted: Accepted;
  /** Submissions without a 202: those tasks may exist all the same. */
  readonly unanswered: () => number;
  /** Resolves when the last answer has come. */
  stop(): Promise<void>;
}

/** Begins to submit tasks. */
export function startLoad({ address, users, random, clients = 4, pauseMs = 40 }: LoadOptions): Load {
  const accepted = new Map<string, AcceptedTask>();
  const client = createClient(address);
  let unanswered = 0;
  let stopping = false;
  const loop = async () => {
    while (!stopping) {
      const task = await client.submit(random.pick(users));
      if (task) accepted.set(task.id, { ...task, want: "none" });
      else unanswered += 1;
      await pause(task ? random.int(0, pauseMs) : pauseMs);
    }
  };
  const loops = Array.from({ length: clients }, loop);
  return {
    accepted,
    unanswered: () => unanswered,
    async stop() {
      stopping = true;
      await Promise.all(loops);
    },
  };
}
