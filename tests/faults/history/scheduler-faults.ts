import { setTimeout as pause } from "node:timers/promises";
import type { Random } from "../support/random.ts";
import type { FaultSettings } from "../support/scheduler.ts";
import { type Fault, insist } from "./fault.ts";

interface Shape {
  readonly name: string;
  readonly settings: (random: Random) => Omit<FaultSettings, "on">;
  /** False: a cancellation must not be answered so, as it would become a dead letter. @default true */
  readonly cancels?: boolean;
  /** True: the request may have been carried out though no 2xx shows it. */
  readonly hidden?: boolean;
}

const refusal = { status: 400, detail: "refused by a fault", taken: false };

const shapes: readonly Shape[] = [
  { name: "hang", settings: () => ({ kind: "hang" }), hidden: true },
  { name: "reset", settings: () => ({ kind: "reset" }), hidden: true },
  { name: "late", settings: (random) => ({ kind: "late", ms: random.int(50, 900) }) },
  { name: "5xx", settings: (random) => ({ kind: "status", status: random.pick([500, 502, 504]) }), hidden: true },
  {
    name: "4xx",
    settings: (random) => ({ kind: "status", status: random.pick([404, 408, 425, 429]) }),
    cancels: false,
  },
  { name: "503", settings: () => ({ kind: "status", status: 503 }) },
  { name: "drip 2xx", settings: () => ({ kind: "drip", taken: true }) },
  { name: "drip 4xx", settings: () => ({ kind: "drip", ...refusal }), cancels: false },
  { name: "cut before the line", settings: () => ({ kind: "cut", part: "before", status: 202 }), hidden: true },
  { name: "cut behind the line", settings: () => ({ kind: "cut", part: "line", taken: true }) },
  { name: "cut in the headers", settings: () => ({ kind: "cut", part: "headers", taken: true }) },
  { name: "cut in the body", settings: () => ({ kind: "cut", part: "body", taken: true }) },
  {
    name: "cut 4xx",
    settings: (random) => ({ kind: "cut", part: random.pick(["headers", "body"] as const), ...refusal }),
    cancels: false,
  },
  { name: "informational answers", settings: () => ({ kind: "inform", taken: true }) },
  { name: "huge body", settings: () => ({ kind: "huge", taken: true }) },
  { name: "huge 4xx", settings: () => ({ kind: "huge", ...refusal }), cancels: false },
];

/** How long a fault that nobody has met lasts at least, and how often that is checked, in ms. */
const [leastMs, pollMs] = [2500, 100];
/** The latest answer of a silent scheduler that still comes in time, in ms. */
const inTime = 150;

const onRequests = ({ name, settings, cancels = true, hidden = false }: Shape): Fault => ({
  name,
  on: "scheduler",
  plan({ lab, random, ms, silent }) {
    const on = cancels && random.chance(0.2) ? ("cancel" as const) : ("submit" as const);
    const chosen = settings(random);
    // Where nothing else shows a run, only an answer does.
    const fault: FaultSettings = {
      ...chosen,
      name,
      on,
      count: random.int(1, 6),
      probability: random.pick([0.5, 1]),
      ...(hidden && !silent ? { taken: random.chance(0.5) } : {}),
      ...(chosen.kind === "late" && silent ? { ms: inTime } : {}),
    };
    return {
      args: { settings: fault },
      async play() {
        const met = async () => (await lab.scheduler.report()).met[name] ?? 0;
        const [before, begun] = [await met(), performance.now()];
        await lab.scheduler.fault(fault);
        await pause(ms);
        while (performance.now() - begun < leastMs && (await met()) === before) await pause(pollMs);
        await lab.scheduler.noFaults();
      },
    };
  },
});

/** A scheduler that answers in every wrong way. */
export const schedulerFaults: readonly Fault[] = [
  ...shapes.map(onRequests),
  {
    name: "refused connections",
    on: "scheduler",
    plan: ({ lab, ms }) => ({
      async play() {
        await lab.scheduler.listen(false);
        await pause(ms);
        await lab.scheduler.listen(true);
      },
    }),
  },
  {
    name: "blocked",
    on: "scheduler",
    plan({ lab, ms, random, tickets }) {
      const user = tickets.length > 0 ? random.pick(tickets).user : undefined;
      if (user === undefined) return undefined;
      const published = random.chance(0.5);
      return {
        args: { user, published },
        async play() {
          await insist(() => lab.scheduler.block(true, user, published));
          await pause(ms);
          await insist(() => lab.scheduler.block(false, user));
        },
      };
    },
  },
];
