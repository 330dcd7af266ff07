import { setTimeout as pause } from "node:timers/promises";
import type { Random } from "../support/random.ts";
import type { Clock } from "./clock-file.ts";
import type { Fault } from "./fault.ts";
import type { LabProcess } from "./lab.ts";

const steps = [60, -60, 3600, -3600];
/** Where each clock stands, in seconds from ours. */
const offsets = new WeakMap<Clock, number>();

/** Steps a clock from where it stands. */
function step(clock: Clock | undefined, seconds: number): void {
  if (!clock) return;
  const offset = (offsets.get(clock) ?? 0) + seconds;
  offsets.set(clock, offset);
  clock.step(offset);
}

function stepping(name: string, of: (processes: readonly LabProcess[], random: Random) => Clock | undefined): Fault {
  return {
    name,
    on: "clock",
    possible: ({ redis }) => redis.clock !== undefined,
    plan({ lab, random }) {
      const clock = name.startsWith("redis") ? lab.redis.clock : of(lab.processes, random);
      const times = name.endsWith("steps") ? 6 : 1;
      const seconds = Array.from({ length: times }, () => random.pick(steps));
      return {
        args: { seconds },
        async play() {
          for (const one of seconds) {
            step(clock, one);
            await pause(100);
          }
        },
      };
    },
  };
}

const anyOf = (processes: readonly LabProcess[], random: Random) => random.pick(processes).clock;

/** Kills a process and starts it again. */
function killing(name: string, on: "api" | "dispatcher"): Fault {
  return {
    name,
    on,
    plan({ lab, ms, random }) {
      const victim = on === "api" ? lab.api : random.pick(lab.dispatchers);
      return {
        args: { target: victim.name },
        async play() {
          await victim.process.kill();
          await pause(Math.min(ms, 1000));
          await victim.process.start();
        },
      };
    },
  };
}

/** Clocks that step. */
export const clockFaults: readonly Fault[] = [
  stepping("redis clock step", () => undefined),
  stepping("redis clock steps", () => undefined),
  stepping("process clock step", anyOf),
];

export const redisKill: Fault = {
  name: "redis killed",
  on: "redis",
  plan: ({ lab: { redis }, ms }) => ({
    async play() {
      await redis.kill();
      await pause(Math.min(ms, 3000));
      await redis.start();
    },
  }),
};

/** How late the answers come during which dispatchers are stopped, how many, and how soon that is noticed, in ms. */
const [lateMs, lateAnswers, pollMs] = [150, 8, 10];
/** The longest wait for a submission to stop at, in ms. */
const meetingMs = 2500;

/** Stops every dispatcher from before an answer until after the deadline of its request, well within the lease. */
export const stoppedAtAnswers: Fault = {
  name: "dispatchers stopped while answers arrive",
  on: "dispatcher",
  async plan({ lab }) {
    const { name } = stoppedAtAnswers;
    const met = async () => (await lab.scheduler.report()).met[name] ?? 0;
    const [before, begun] = [await met(), performance.now()];
    await lab.scheduler.fault({ name, kind: "late", ms: lateMs, count: lateAnswers });
    while ((await met()) === before) {
      if (performance.now() - begun > meetingMs) return undefined;
      await pause(pollMs);
    }
    const ms = lab.timeoutMs * 1.4;
    return {
      args: { stoppedMs: ms },
      async play() {
        for (const { process } of lab.dispatchers) process.pause();
        await pause(ms);
        for (const { process } of lab.dispatchers) process.resume();
      },
    };
  },
};

/** Processes of the product that die or stand still. */
export const processFaults: readonly Fault[] = [
  killing("dispatcher killed", "dispatcher"),
  killing("api killed", "api"),
  {
    name: "dispatcher stopped",
    on: "dispatcher",
    plan({ lab, ms, random }) {
      const victim = random.pick(lab.dispatchers);
      // Past its lease, most of the time past the grace, too.
      const long = lab.leaseMs + (random.chance(0.7) ? lab.graceMs : 0);
      return {
        args: { target: victim.name },
        async play() {
          victim.process.pause();
          await pause(long + Math.min(ms, 1000));
          victim.process.resume();
        },
      };
    },
  },
  stoppedAtAnswers,
];
