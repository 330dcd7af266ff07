import { setTimeout as pause } from "node:timers/promises";
import type { Fault } from "./fault.ts";
import type { LabProcess } from "./lab.ts";
import type { WireState } from "./wire.ts";

/** Time between two strikes at all connections, in ms. */
const killPause = 100;

async function play(processes: readonly LabProcess[], state: WireState, ms: number): Promise<void> {
  for (const { wire } of processes) wire.set(state);
  await pause(ms);
  for (const { wire } of processes) wire.set({ kind: "whole" });
}

/** A fault of the wires between all processes and Redis. */
function onWires(name: string, state: (ms: number) => WireState): Fault {
  return { name, on: "redis", plan: ({ lab, ms }) => ({ play: () => play(lab.processes, state(ms), ms) }) };
}

const paused = (mode: "ALL" | "WRITE"): Fault => ({
  name: `client pause ${mode.toLowerCase()}`,
  on: "redis",
  plan: ({ lab, ms }) => ({
    async play() {
      await lab.redis.client.call("CLIENT", "PAUSE", Math.round(ms), mode);
      await pause(ms);
    },
  }),
});

/** Connections to Redis that break, stall, lose or delay what goes over them. */
export const redisConnections: readonly Fault[] = [
  onWires("loading", () => ({ kind: "loading" })),
  onWires("cut", () => ({ kind: "cut" })),
  onWires("stalled", () => ({ kind: "stalled" })),
  onWires("answers lost", () => ({ kind: "deaf" })),
  onWires("answers late", (ms) => ({ kind: "slow", requests: 0, answers: Math.min(3000, 1000 + ms) })),
  onWires("requests late", (ms) => ({ kind: "slow", requests: Math.min(3000, 300 + ms), answers: 0 })),
  paused("ALL"),
  paused("WRITE"),
  {
    name: "client kill",
    on: "redis",
    plan: ({ lab, ms }) => ({
      async play() {
        const end = performance.now() + ms;
        while (performance.now() < end) {
          await lab.redis.client.call("CLIENT", "KILL", "TYPE", "normal");
          await pause(killPause);
        }
      },
    }),
  },
  {
    name: "dispatcher cut off",
    on: "dispatcher",
    plan({ lab, ms, random }) {
      const victim = random.pick(lab.dispatchers);
      const kind = random.pick(["cut", "stalled", "deaf"] as const);
      // Half of the time for longer than a lease and the grace.
      const long = random.chance(0.5) ? lab.leaseMs + lab.graceMs : 0;
      return { args: { target: victim.name, kind }, play: () => play([victim], { kind }, ms + long) };
    },
  },
];
