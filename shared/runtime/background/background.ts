import type { Role } from "../../../task-state/index.ts";
import type { Config } from "../../config.ts";
import type { Services } from "../../services.ts";

/** How long a round may take. */
export interface Budget {
  /** Aborted: begin nothing more. */
  readonly signal: AbortSignal;
  /** Time that is left from then on to finish what is under way, in ms. */
  readonly finishMs: number;
}

/** What a round did. It tells amounts only, because triggers are strangers. */
export interface Round {
  readonly handled: number;
  /** What could be worked on at once and was not; `null` when Redis cannot tell. */
  readonly left: number | null;
  /** When something is due, in seconds from now; `null` when nothing waits. */
  readonly nextDueSeconds: number | null;
  /** True when everything was looked at that was there when the round began: its trigger may be forgotten. */
  readonly complete: boolean;
}

/** A background function over the services of a process. */
export interface Background {
  /** Does what there is to do, and ends. Rounds of other processes may run meanwhile. */
  round(budget: Budget): Promise<Round>;
  /** Does the same for ever, until the signal aborts. */
  reside(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** A function that no client calls. Triggers wake it; what it does is found in Redis, never in the trigger. */
export interface BackgroundFunction {
  /** In kebab-case. */
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** Longest time of a round for a trigger, in seconds; on Lambda also what the invocation has left. @default `DMS_DRAIN_BUDGET_SECONDS` */
  readonly roundSeconds?: number;
  /** What it does with Redis, so that missing rights can be told at its start. @default nothing */
  readonly roles?: readonly Role[];
  open(services: Services): Background;
}

/** How long a trigger of this function may wait, in ms. */
export function longestRound({ roundSeconds }: BackgroundFunction, { drainBudgetSeconds }: Config): number {
  return Math.ceil((roundSeconds ?? drainBudgetSeconds) * 1000);
}

/** Declares a background function; one of these is one deployable function. */
export function backgroundFunction(declared: BackgroundFunction): BackgroundFunction {
  return declared;
}
