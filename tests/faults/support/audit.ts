import type { Redis } from "ioredis";
import { expect } from "vitest";
import { isTerminal, keys, type Status } from "../../../task-state/index.ts";
import { parseRecord } from "../../support/record.ts";
import { until } from "../../support/until.ts";
import type { Report } from "../scheduler/settings.ts";
import type { Submitted } from "./client.ts";
import type { Stage } from "./stage.ts";
import { tracesOf } from "./traces.ts";

/** A task that was accepted, with what its owner wants of it in the end. */
export interface AcceptedTask extends Submitted {
  readonly want: "none" | "cancel" | "delete";
  /** The scheduler does not take it. */
  readonly refused?: boolean;
}
/** What was accepted, by id. */
export type Accepted = ReadonlyMap<string, AcceptedTask>;

export interface Verdict {
  readonly accepted: number;
  /** Accepted tasks that were executed once. */
  readonly executed: number;
  /** Accepted tasks that were never executed, or whose record is gone, though nobody wanted that. */
  readonly lost: string[];
  readonly twice: string[];
  /** Tasks that have not ended. */
  readonly stuck: string[];
  /** Tasks that have ended otherwise than they may. */
  readonly wrong: string[];
  /** Deleted tasks of which something is left. */
  readonly left: string[];
  readonly report: Report;
}

/** Resolves when nobody has anything to do any more: queue, delays and parking are empty, the scheduler is idle. */
export async function untilQuiet({ redis, scheduler }: Stage, timeoutMs = 30_000): Promise<void> {
  let left: Record<string, number> = {};
  try {
    await until(
      async () => {
        left = await unfinished(redis);
        if (!Object.values(left).every((count) => count === 0)) return false;
        // Asked in this order, as nothing begins any more once Redis has nothing to do.
        const { requests, jobs, writes } = await scheduler.state();
        left = { ...left, requests, jobs: jobs.length, writes };
        return Object.values(left).every((count) => count === 0);
      },
      { timeoutMs },
    );
  } catch (cause) {
    throw new Error(`not quiet after ${timeoutMs} ms: ${JSON.stringify(left)}, ${await describe(redis)}`, { cause });
  }
}

/** What is left to do; counted in one step, because tasks wander from one to the other. */
export async function unfinished(redis: Redis): Promise<Record<string, number>> {
  const replies = await redis
    .multi()
    .xlen(keys.work)
    .zcard(keys.due)
    .zcard(keys.parkedUsers)
    .hlen(keys.deferredCancels)
    .exec();
  const [work, due, parked, deferred] = (replies ?? []).map(([, count]) => Number(count));
  return { work: work ?? Number.NaN, due: due ?? 0, parked: parked ?? 0, deferred: deferred ?? 0 };
}

/** The first tasks that something is left to do for. */
async function describe(redis: Redis): Promise<string> {
  const waiting = (await redis.xrange(keys.work, "-", "+", "COUNT", 3)).map(([, [, id]]) => id ?? "");
  const due = await redis.zrange(keys.due, "0", "2");
  const tasks = await Promise.all(
    [...waiting, ...due].map(async (id) => [await redis.get(keys.record(id)), await redis.hgetall(keys.sidecar(id))]),
  );
  return JSON.stringify(tasks);
}

/** Judges every accepted task when all is quiet. */
export async function audit(stage: Stage, accepted: Accepted): Promise<Verdict> {
  await untilQuiet(stage);
  const report = await stage.scheduler.report();
  const verdict = { accepted: accepted.size, executed: 0, lost: [], twice: [], stuck: [], wrong: [], left: [] };
  const judged: Omit<Verdict, "report"> & { executed: number } = verdict;
  for (const task of accepted.values()) {
    const raw = await stage.redis.get(keys.record(task.id));
    const status = raw === null ? undefined : parseRecord(raw)?.status;
    const executions = report.executions[task.id] ?? 0;
    if (executions === 1) judged.executed += 1;
    if (executions > (task.refused ? 0 : 1)) judged.twice.push(task.id);
    if (task.want === "delete") {
      if (!(await isGone(stage.redis, task.id))) judged.left.push(task.id);
    } else if (status === undefined || (isWanted(task) && executions === 0)) judged.lost.push(`${task.id}: ${raw}`);
    else if (!isTerminal(status)) judged.stuck.push(`${task.id}: ${raw}`);
    else if (!endingsOf(task).includes(status)) judged.wrong.push(`${task.want}: ${raw}`);
  }
  return { ...judged, report };
}

const isWanted = ({ want, refused }: AcceptedTask) => want === "none" && !refused;

function endingsOf({ want, refused }: AcceptedTask): Status[] {
  const own: Status = refused ? "failed" : "completed";
  return want === "none" ? [own] : ["cancelled", own];
}

/** A late writer may have put a deleted task back; dispatchers look for that every few seconds. */
async function isGone(redis: Redis, id: string): Promise<boolean> {
  return until(async () => (await tracesOf(redis, id)).length === 0, { timeoutMs: 8000 }).catch(() => false);
}

/** Fails unless every task has ended as it may, once, and nobody was harmed. */
export function expectClean({ lost, twice, stuck, wrong, left, report }: Verdict, stage: Stage): void {
  const defects = [...stage.dispatchers, ...stage.apis].flatMap((process) => process.defects);
  expect({ lost, twice, stuck, wrong, left, harmed: report.harmed, defects }).toEqual({
    lost: [],
    twice: [],
    stuck: [],
    wrong: [],
    left: [],
    harmed: [],
    defects: [],
  });
}

/** A verdict in figures. */
export function figuresOf({
  accepted,
  executed,
  lost,
  twice,
  stuck,
  report,
}: Verdict): Record<string, number | string> {
  const harm = Object.values(report.harm).reduce((sum, count) => sum + count, 0);
  const kinds = Object.entries(report.harm).map(([kind, count]) => `${kind} ${count}`);
  return {
    accepted,
    executed,
    lost: lost.length,
    twice: twice.length,
    stuck: stuck.length,
    harm: `${harm} [${kinds.join(" ")}]`,
  };
}
