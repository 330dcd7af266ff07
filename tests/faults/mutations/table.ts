import { setTimeout as pause } from "node:timers/promises";
import type { Rule } from "../checker/violation.ts";
import type { Fault } from "../history/fault.ts";
import type { Silence } from "../history/plan.ts";
import type { FaultSettings } from "../support/scheduler.ts";
import type { Replacement } from "./copy.ts";

/** A way to break the product, and what has to happen so that it shows. */
export interface Mutation {
  readonly name: string;
  readonly replacements: readonly Replacement[];
  readonly silence: Silence;
  /** Dispatcher processes. @default 1 */
  readonly dispatchers?: number;
  /** What is played while users act. */
  readonly fault?: Fault;
  /** What the checker must find, one of these at least. */
  readonly caught: readonly Rule[];
}

const dispatcher = "functions/background/dispatcher";
const actMs = 2500;

/** Meets every submission for a while. */
function always(name: string, settings: FaultSettings): Fault {
  return {
    name,
    on: "scheduler",
    plan: ({ lab }) => ({
      args: { settings },
      async play() {
        await lab.scheduler.fault(settings);
        await pause(actMs);
        await lab.scheduler.noFaults();
      },
    }),
  };
}

/** Sets the sequence back to ids in use, again and again. */
const sequenceSetBack: Fault = {
  name: "sequence set back",
  on: "redis",
  plan: ({ lab }) => ({
    async play() {
      for (let times = 0; times < 5; times += 1) {
        await pause(actMs / 5);
        await lab.redis.client.set("task:id:sequence", "1");
      }
    },
  }),
};

/** The positions that matter, each with a text of today's sources. */
export const mutations: readonly Mutation[] = [
  {
    name: "the commit of an outcome is dropped",
    replacements: [
      {
        file: `${dispatcher}/reconcile/store-outcome.ts`,
        from: "  const left = await finish();\n",
        to: "  const left = undefined as View | undefined;\n",
      },
    ],
    silence: "never",
    caught: ["twice"],
  },
  {
    // Alone it does no harm: whoever takes a task over still waits for its deadline, so that goes, too, and it comes often.
    name: "a lease is not checked",
    replacements: [
      {
        file: "task-state/queue/claim-script.ts",
        from: "and holds(leases, known.lease, known.leaseUntil, watched, wall) then",
        to: "and false then",
      },
      {
        file: "task-state/queue/claim-script.ts",
        from: "and whole(math.max(known.checkAt or 0, watched + grace))",
        to: "and whole(watched)",
      },
      { file: "task-state/queue/reclaim.ts", from: "elseif left <= 0 then", to: "elseif true then" },
      { file: `${dispatcher}/maintenance.ts`, from: "const upkeepInterval = 5000;", to: "const upkeepInterval = 50;" },
    ],
    silence: "never",
    dispatchers: 2,
    fault: always("late answers", { kind: "late", ms: 150 }),
    caught: ["twice"],
  },
  {
    name: "the grace is left out",
    replacements: [
      {
        file: `${dispatcher}/reconcile/settle.ts`,
        from: "[view.watched + policy.grace, view.now + policy.grace]",
        to: "[view.watched, view.now]",
      },
    ],
    silence: "talks",
    fault: always("resets", { kind: "reset", probability: 0.5 }),
    caught: ["early"],
  },
  {
    name: "an id is not checked",
    replacements: [
      {
        file: "task-state/task/id-sequence.ts",
        from: "if redis.call('EXISTS', unpack(names)) > 0 then return false end",
        to: "",
      },
    ],
    silence: "talks",
    fault: sequenceSetBack,
    caught: ["id", "mixed", "stranger"],
  },
  {
    name: "an answer's body is awaited",
    replacements: [
      {
        file: `${dispatcher}/scheduler/exchange.ts`,
        from: "      known = byAnswer(statusCode);\n      ending = setTimeout(resolve, endTime, known);\n",
        to: "",
      },
      {
        file: `${dispatcher}/scheduler/exchange.ts`,
        from: "if (seen === undefined) end(outcomeOf",
        to: "if (!known) end(outcomeOf",
      },
    ],
    silence: "never",
    fault: always("dripping answers", { kind: "drip", taken: true }),
    caught: ["twice"],
  },
];

/** How long users act, in ms. */
export { actMs };
