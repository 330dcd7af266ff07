import { inForm, randomFor, seed } from "../support/run.ts";
import { deal } from "./deck.ts";
import type { Fault } from "./fault.ts";
import { clockFaults, processFaults, redisKill } from "./machine-faults.ts";
import { redisConnections } from "./redis-connections.ts";
import { redisData } from "./redis-data.ts";
import { redisErrors } from "./redis-errors.ts";
import { schedulerFaults } from "./scheduler-faults.ts";

export type Silence = "talks" | "later" | "never";

/** A history before it is played. */
export interface Plan {
  readonly name: string;
  readonly seed: number;
  readonly silence: Silence;
  readonly users: number;
  /** Faults that follow each other; lanes go side by side. */
  readonly lanes: readonly (readonly Fault[])[];
  /** Least time for which users act, in ms. */
  readonly atLeastMs: number;
  /** No fault is begun any more after this time, in ms. */
  readonly atMostMs: number;
}

const redisFaults = [...redisErrors, ...redisConnections, ...redisData, ...clockFaults, redisKill];
const [dispatcherKilled, apiKilled, ...stops] = processFaults as [Fault, Fault, ...Fault[]];
const deaths = [dispatcherKilled, dispatcherKilled, dispatcherKilled, apiKilled, apiKilled, ...stops];

/** How many faults of each lane a history has. */
const counts = inForm({ redis: 5, scheduler: 4, processes: 2 }, { redis: 10, scheduler: 8, processes: 3 });
/** On a machine that is too busy for that a history is cut short, in ms. */
const longest = inForm(10_000, 60_000);
const silences: readonly Silence[] = ["talks", "later", "talks", "never"];

/** Every kind of fault that a plan may hold. */
export const faultKinds: readonly Fault[] = [...redisFaults, ...schedulerFaults, ...processFaults];

/** History number so of this run: the same for the same number and seed. */
export function planHistory(number: number): Plan {
  const lane = (name: keyof typeof counts, faults: readonly Fault[]) =>
    deal(name, faults, number * counts[name], counts[name]);
  return {
    name: `history ${number}`,
    seed,
    silence: silences[number % silences.length] ?? "talks",
    users: randomFor(`users-${number}`).int(2, 4),
    lanes: [lane("redis", redisFaults), lane("scheduler", schedulerFaults), lane("processes", deaths)],
    atLeastMs: 1000,
    atMostMs: longest,
  };
}
