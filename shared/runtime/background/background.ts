import type { Role } from "../../../task-state/index.ts";
import type { Config } from "../../config.ts";
import type { Services } from "../../services.ts";

/** Time limits of a run. */
export interface Budget {
  /** Aborted: start nothing more. */
  readonly signal: AbortSignal;
  /** Time from then on to finish work in flight, in ms. */
  readonly finishMs: number;
}

/** The result of a run. It contains counts only, because triggers are not authenticated. */
export interface RunResult {
  readonly handled: number;
  /** Work that is ready but was not done; `null` when Redis does not know. */
  readonly left: number | null;
  /** Seconds until the next work is due; `null` when nothing waits. */
  readonly nextDueSeconds: number | null;
  /** True when all work was handled that existed when the run began: its trigger need not be repeated. */
  readonly complete: boolean;
}

/** A background function over the services of a process. */
export interface Background {
  /** Does the pending work once. Other processes may run at the same time. */
  run(budget: Budget): Promise<RunResult>;
  /** Works continuously until the signal aborts. */
  runResident(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** A function that clients do not call. Triggers wake it; it reads its work from Redis, never from the trigger. */
export interface BackgroundFunction {
  /** In kebab-case. */
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** Maximum time of a triggered run, in seconds; on Lambda also limited by the invocation. @default `DMS_DRAIN_BUDGET_SECONDS` */
  readonly maxRunSeconds?: number;
  /** What it does with Redis, so that missing rights are reported at its start. @default nothing */
  readonly roles?: readonly Role[];
  open(services: Services): Background;
}

/** Maximum time of a triggered run of this function, in ms. */
export function maxRunMs({ maxRunSeconds }: BackgroundFunction, { drainBudgetSeconds }: Config): number {
  return Math.ceil((maxRunSeconds ?? drainBudgetSeconds) * 1000);
}

/** Declares a background function; each one is a deployable function. */
export function backgroundFunction(declared: BackgroundFunction): BackgroundFunction {
  return declared;
}
