import type { Random } from "../support/random.ts";
import type { Lab } from "./lab.ts";
import type { Ticket } from "./user.ts";

/** What a fault disturbs; the checker explains by it what users saw. */
export type Disturbed = "redis" | "scheduler" | "api" | "dispatcher" | "record" | "clock";

/** What a fault works on. */
export interface FaultContext {
  readonly lab: Lab;
  readonly random: Random;
  /** How long it shall last, in ms. */
  readonly ms: number;
  /** Tasks that users hold. */
  readonly tickets: readonly Ticket[];
  /** What the scheduler shows of its runs. */
  readonly silent: boolean;
}

/** One kind of fault. */
export interface Fault {
  readonly name: string;
  readonly on: Disturbed;
  /** False where the machine cannot play it. @default true */
  readonly possible?: (lab: Lab) => boolean;
  /** Decides by chance how to play it now; `undefined` when there is nothing to play it on. */
  readonly plan: (context: FaultContext) => FaultPlan | undefined | Promise<FaultPlan | undefined>;
  /** After it the lab is not to be used again. */
  readonly spoilsLab?: boolean;
}

export interface FaultPlan {
  /** For the history: what exactly is done. */
  readonly args?: Readonly<Record<string, unknown>>;
  /** Plays the fault from its begin to its end. */
  readonly play: () => Promise<void>;
}

/** Repeats until it succeeds: what ends a fault may itself be met by another one. @throws Error after ten seconds */
export async function insist(act: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      await act();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
