import { setTimeout as pause } from "node:timers/promises";
import type { Redis } from "ioredis";
import { isTerminal, type TaskRecord, type TaskStore } from "../../task-state/index.ts";
import { changeOf, type Job, newJob, parseJob } from "./job.ts";
import type { Pace } from "./progress.ts";

/** Where the scheduler writes what a developer should see; a pino logger fits. */
export interface SchedulerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface JobsOptions extends Pace {
  readonly store: TaskStore;
  readonly redis: Redis;
  readonly log: SchedulerLog;
}

/** The jobs of one process; what they have come to is kept in Redis. */
export interface Jobs {
  /** Takes up the jobs that an earlier process left. */
  resume(): Promise<void>;
  /** Accepts a task and works on it from then on. One that is at work, ended or being cancelled is only warned about. */
  start(task: TaskRecord): Promise<"started" | "not_executed" | "not_found">;
  /** Ends a task's job and records `cancelled`; false when the task has no job, or its job ended by itself. */
  cancel(taskId: string): Promise<boolean>;
  /** Ends all timers; resolves when nothing is under way any more. The jobs stay in Redis. */
  stop(): Promise<void>;
}

/** hash; task id → JSON of its job. */
export const jobsKey = "dms:development-scheduler:jobs";

type Step = "goes_on" | "ended" | "refused" | "not_found";

interface Work {
  readonly controller: AbortController;
  /** Resolves when the job has stopped; never rejects. */
  readonly over: Promise<void>;
  /** The cancellation that is under way, which a second one shares. */
  cancelled?: Promise<boolean> | undefined;
}

/** Works on tasks one recorded step after the other. A step that fails is tried again with the next tick. */
export function createJobs({ store, redis, log, steps, stepMs }: JobsOptions): Jobs {
  const working = new Map<string, Work>();
  let stopped = false;

  async function save(job: Job): Promise<void> {
    await redis.hset(jobsKey, job.taskId, JSON.stringify(job));
  }

  async function forget(taskId: string): Promise<void> {
    await redis.hdel(jobsKey, taskId);
    working.delete(taskId);
  }

  async function record(job: Job): Promise<Step> {
    const change = changeOf(job, { steps, stepMs });
    let update = await store.update(job.taskId, change);
    if (update.outcome === "refused" && update.from === "cancel_requested" && job.step > 0) {
      // The cancel itself is still on its way, and the work goes on until it arrives.
      update = await store.update(job.taskId, { ...change, status: update.from });
    }
    if (update.outcome === "updated" && !isTerminal(update.record.status)) {
      await save({ ...job, step: job.step + 1 });
      return "goes_on";
    }
    await forget(job.taskId);
    return update.outcome === "updated" ? "ended" : update.outcome;
  }

  async function recordCancelled(taskId: string): Promise<boolean> {
    const logs = ["Task cancelled by scheduler"];
    const update = await store.update(taskId, { status: "cancelled", logs, active_jobs: [] });
    await forget(taskId);
    return update.outcome !== "refused";
  }

  async function run(first: Job, signal: AbortSignal): Promise<void> {
    let job = first;
    const nextTick = () => pause(stepMs, true, { signal }).catch(() => false);
    while (await nextTick()) {
      try {
        const step = await record(job);
        if (step !== "goes_on") {
          log.info({ taskId: job.taskId }, step === "ended" ? "job ended" : "job stopped: its task ended without it");
          return;
        }
        job = { ...job, step: job.step + 1 };
      } catch (error) {
        log.warn({ taskId: job.taskId, error: String(error) }, "a step could not be recorded; it is tried again");
      }
    }
  }

  function work(taskId: string, over: (signal: AbortSignal) => Promise<void>): void {
    const controller = new AbortController();
    if (stopped) controller.abort();
    working.set(taskId, { controller, over: over(controller.signal) });
  }

  return {
    async resume() {
      const left = await redis.hgetall(jobsKey);
      for (const [taskId, text] of Object.entries(left)) {
        const job = parseJob(text);
        if (!job) {
          log.warn({ taskId }, "dropped a job that cannot be read");
          await forget(taskId);
          continue;
        }
        log.info({ taskId, step: job.step }, "job resumed");
        work(taskId, (signal) => run(job, signal));
      }
    },

    async start(task) {
      const { task_id: taskId, status } = task;
      if (working.has(taskId) || (status !== "pending" && status !== "dispatching")) {
        log.warn({ taskId, status }, "task submitted again; it is not executed a second time");
        return "not_executed";
      }
      const job = newJob(task);
      // The job is kept before the record tells of it: a crash in between repeats a step instead of losing the task.
      const accepted = save(job).then(() => record(job));
      work(taskId, (signal) =>
        accepted.then(
          (step) => (step === "goes_on" ? run({ ...job, step: 1 }, signal) : undefined),
          () => run(job, signal),
        ),
      );
      const step = await accepted;
      if (step === "not_found") return "not_found";
      if (step === "goes_on") return "started";
      log.warn({ taskId }, "task ended or was cancelled before it was accepted; it is not executed");
      return "not_executed";
    },

    async cancel(taskId) {
      const found = working.get(taskId);
      if (!found) return false;
      found.controller.abort();
      found.cancelled ??= found.over
        .then(() => recordCancelled(taskId))
        .finally(() => {
          found.cancelled = undefined;
        });
      return found.cancelled;
    },

    async stop() {
      stopped = true;
      for (const { controller } of working.values()) controller.abort();
      await Promise.all([...working.values()].map(({ over }) => over));
    },
  };
}
