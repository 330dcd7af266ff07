import { setTimeout as pause } from "node:timers/promises";
import type { Line } from "../checker/history.ts";
import { judge, type Verdict } from "../checker/verdict.ts";
import type { Violation } from "../checker/violation.ts";
import { unfinished } from "../support/audit.ts";
import { createRandom, type Random } from "../support/random.ts";
import { randomFor } from "../support/run.ts";
import { type Fault, insist } from "./fault.ts";
import type { Lab } from "./lab.ts";
import type { Plan } from "./plan.ts";
import { createRecorder, type Recorder, timeNow } from "./recorder.ts";
import { takeSnapshot } from "./snapshot.ts";
import { actAsUser, openDoor, type Ticket } from "./user.ts";

/** A history that was played, and its judgement. */
export interface Played {
  readonly lines: readonly Line[];
  readonly verdict: Verdict;
  /** How often each fault was played. */
  readonly faults: Readonly<Record<string, number>>;
  /** Requests that each fault of the scheduler has met. */
  readonly met: Readonly<Record<string, number>>;
  /** False: the lab is not as it was. */
  readonly again: boolean;
}

export interface PlayOptions {
  /** True for violations after which there is nothing more to wait for. @default never */
  readonly isDone?: (violations: readonly Violation[]) => boolean;
}

const pollMs = 250;

/** Plays a history on a lab and has it judged once nothing moves any more, or the time for that is over. */
export async function playHistory(lab: Lab, plan: Plan, options: PlayOptions = {}): Promise<Played> {
  const recorder = createRecorder();
  const random = randomFor(plan.name);
  const { silence, seed, name } = plan;
  const { timeoutMs, graceMs, leaseMs, settleMs } = lab;
  recorder.write({ kind: "header", name, seed, silence, timeoutMs, graceMs, leaseMs, settleMs });
  await lab.scheduler.reset();
  await lab.scheduler.change({ silence, writeDelay: [0, random.int(1, 20)], startDelay: random.int(0, 40) });
  const door = openDoor(recorder, () => lab.api.process.address);
  const tickets: Ticket[] = [];
  const users = Array.from({ length: plan.users }, (_, index) => `${name.replaceAll(" ", "-")}-user-${index + 1}`);
  const leave = new AbortController();
  const acting = users.map((user) =>
    actAsUser({ door, random: createRandom(random.int(0, 2 ** 31)), name: user, tickets, pauseMs: 120 }, leave.signal),
  );
  const faults: Record<string, number> = {};
  const count = (fault: Fault) => {
    faults[fault.name] = (faults[fault.name] ?? 0) + 1;
  };
  const lanes = plan.lanes.map((lane) =>
    playLane(lab, recorder, lane, tickets, createRandom(random.int(0, 2 ** 31)), plan, count),
  );
  try {
    await Promise.all([pause(plan.atLeastMs), ...lanes]);
  } finally {
    leave.abort();
    await Promise.allSettled([...lanes, ...acting]);
  }
  await heal(lab, users);
  const lastFault = timeNow();
  const quiet = await untilQuiet(lab, recorder, users, lastFault, options.isDone ?? (() => false));
  for (const ticket of tickets) await door.get("final", ticket);
  for (const user of users) await door.list("final", user);
  const lines = [...recorder.lines, quiet, ...(await takeSnapshot(lab, recorder, users))];
  const { met } = await lab.scheduler.report();
  const again = !plan.lanes.flat().some(({ spoilsLab }) => spoilsLab === true);
  return { lines, verdict: judge(lines), faults, met, again };
}

async function playLane(
  lab: Lab,
  recorder: Recorder,
  lane: readonly Fault[],
  tickets: readonly Ticket[],
  random: Random,
  plan: Plan,
  count: (fault: Fault) => void,
): Promise<void> {
  const end = performance.now() + plan.atMostMs;
  for (const fault of lane) {
    if (performance.now() > end) return;
    await pause(random.int(50, 500));
    if (fault.possible?.(lab) === false) continue;
    const context = { lab, random, tickets, ms: durationOf(random), silent: plan.silence !== "talks" };
    const planned = await fault.plan(context);
    if (!planned) continue;
    const args = { on: fault.on, ms: Math.round(context.ms), ...planned.args };
    await recorder.act("fault", fault.name, args, async () => void (await planned.play()));
    count(fault);
  }
}

/** From a tenth of a second to ten seconds, most of them short. */
function durationOf(random: Random): number {
  const luck = random.next();
  const [least, most] = luck < 0.82 ? [100, 700] : luck < 0.96 ? [700, 2500] : [2500, 10_000];
  return least * (most / least) ** random.next();
}

async function heal({ scheduler, processes }: Lab, users: readonly string[]): Promise<void> {
  await scheduler.noFaults();
  await scheduler.listen(true);
  for (const { wire } of processes) wire.set({ kind: "whole" });
  for (const user of users) await insist(() => scheduler.block(false, user));
}

/** Waits until the checker finds every task at its end, and nobody has anything to do. */
async function untilQuiet(
  lab: Lab,
  recorder: Recorder,
  users: readonly string[],
  lastFault: number,
  isDone: (violations: readonly Violation[]) => boolean,
): Promise<Extract<Line, { kind: "quiet" }>> {
  for (;;) {
    const now = timeNow();
    const quiet = { kind: "quiet" as const, at: now, afterMs: now - lastFault };
    const { violations } = judge([...recorder.lines, quiet, ...(await takeSnapshot(lab, recorder, users))]);
    const { requests, jobs, writes } = await lab.scheduler.state();
    const left = { ...(await unfinished(lab.redis.client)), requests, jobs: jobs.length, writes };
    const open = violations.filter(({ rule }) => unsettled.has(rule));
    const rest = Object.values(left).every((amount) => amount === 0);
    if (isDone(violations) || (open.length === 0 && rest)) return quiet;
    if (now > lastFault + lab.settleMs) {
      return { kind: "quiet", at: now, left: JSON.stringify({ ...left, tasks: open.map(({ task }) => task) }) };
    }
    await pause(pollMs);
  }
}

/** Violations that time may still mend. */
const unsettled = new Set(["stuck", "left", "lost", "wrong"]);
