import fc from "fast-check";
import type { FaultSettings } from "../support/scheduler.ts";

/** One thing that somebody does or that happens, `after` ms behind the one before. Tasks are named by their number. */
export type Action = { readonly after: number } & (
  | { readonly do: "submit"; readonly user: number; readonly ms: number; readonly refused: boolean }
  | { readonly do: "cancel" | "delete"; readonly task: number }
  | { readonly do: "late write"; readonly task: number; readonly ms: number }
  | { readonly do: "block" | "unblock"; readonly user: number; readonly published: boolean }
  | { readonly do: "pause" | "resume" }
  | { readonly do: "fault"; readonly fault: FaultSettings }
  | { readonly do: "no faults" }
  | { readonly do: "refuse connections"; readonly ms: number }
  | { readonly do: "kill"; readonly dispatcher: number; readonly down: number }
);

export const users = 3;
export const dispatchers = 2;

const user = fc.nat(users - 1);
const task = fc.nat(30);
const ms = (most: number) => fc.nat(most);
const just = <const T>(value: T) => fc.constant(value);

const statuses = {
  submit: [500, 502, 504, 503, 429, 408, 404],
  cancel: [500, 502, 504, 503, 429],
};

const faults = (["submit", "cancel"] as const).map((on) =>
  fc.record({
    on: just(on),
    kind: fc.constantFrom("hang", "reset", "status", "late"),
    status: fc.constantFrom(...statuses[on]),
    ms: ms(700),
    count: fc.integer({ min: 1, max: 6 }),
    probability: fc.constantFrom(0.3, 0.7, 1),
    taken: fc.boolean(),
  }),
);

/** Answers that say that nothing was started must not lie. */
const honest = (fault: FaultSettings): FaultSettings =>
  fault.kind === "status" && (fault.status === 503 || (fault.status ?? 500) < 500) ? { ...fault, taken: false } : fault;

const kinds = [
  {
    weight: 10,
    what: fc.record({
      do: just("submit"),
      user,
      ms: ms(200),
      refused: fc.integer({ max: 9, min: 0 }).map((n) => n === 0),
    }),
  },
  { weight: 4, what: fc.record({ do: fc.constantFrom("cancel", "delete"), task }) },
  { weight: 1, what: fc.record({ do: just("late write"), task, ms: ms(400) }) },
  { weight: 2, what: fc.record({ do: fc.constantFrom("block", "unblock"), user, published: fc.boolean() }) },
  { weight: 1, what: fc.record({ do: fc.constantFrom("pause", "resume") }) },
  { weight: 3, what: fc.record({ do: just("fault"), fault: fc.oneof(...faults).map(honest) }) },
  { weight: 1, what: fc.record({ do: just("no faults") }) },
  { weight: 1, what: fc.record({ do: just("refuse connections"), ms: ms(600) }) },
  { weight: 2, what: fc.record({ do: just("kill"), dispatcher: fc.nat(dispatchers - 1), down: ms(800) }) },
];

/** A history of actions, and how slow the scheduler is during it. */
export const histories = fc.record({
  scheduler: fc.record({
    writeDelay: fc.tuple(ms(5), fc.integer({ min: 5, max: 60 })),
    startDelay: ms(60),
    refresh: fc.integer({ min: 5, max: 50 }),
  }),
  actions: fc.array(
    fc
      .tuple(fc.oneof(...kinds.map(({ weight, what }) => ({ weight, arbitrary: what }))), fc.nat(40))
      .map(([what, after]): Action => ({ ...what, after })),
    { minLength: 40, maxLength: 100 },
  ),
});
