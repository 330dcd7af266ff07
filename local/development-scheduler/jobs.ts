import { setTimeout as pause } from "node:timers/promises";
import type { Redis } from "ioredis";
import { isTerminal, type TaskRecord, type TaskStore } from "../../task-state/index.ts";
import { changeOf, type Job, newJob, parseJob } from "./job.ts";
import type { Pace } from "./progress.ts";

/** The log of the scheduler; compatible with a pino logger. */
export interface SchedulerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface JobsOptions extends Pace {
  readonly store: TaskStore;
  readonly redis: Redis;
  readonly log: SchedulerLog;
}

/** The jobs of one process; their progress is stored in Redis. */
export interface Jobs {
  /** Resumes the jobs of an earlier process. */
  resume(): Promise<void>;
  /** Accepts a task and starts its job. A task that is running, ended or being cancelled only causes a warning. */
  start(task: TaskRecord): Promise<"started" | "not_executed" | "not_found">;
  /** Stops a task's job and records `cancelled`; false when the task has no job, or its job has already ended. */
  cancel(taskId: string): Promise<boolean>;
  /** Stops all timers; resolves when nothing is in progress. The jobs stay in Redis. */
  stop(): Promise<void>;
}

/** Hash: task id → JSON of its job. */
export const jobsKey = "dms:development-scheduler:jobs";

type Step = "continues" | "ended" | "refused" | "not_found";

interface Work {
  readonly controller: AbortController;
  /** Resolves when the job has stopped; never rejects. */
  readonly over: Promise<void>;
  /** The cancellation in progress, which a second one shares. */
  cancelled?: Promise<boolean> | undefined;
}

/** Runs jobs step by step and records each step. A failed step is retried with the next tick. */
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
      // The cancel request has not arrived yet, and the job continues until it does.
      update = await store.update(job.taskId, { ...change, status: update.from });
    }
    if (update.outcome === "updated" && !isTerminal(update.record.status)) {
      await save({ ...job, step: job.step + 1 });
      return "continues";
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
        if (step !== "continues") {
          log.info(logFields(job), step === "ended" ? "job ended" : "job stopped: its task has ended otherwise");
          return;
        }
        job = { ...job, step: job.step + 1 };
      } catch (error) {
        log.warn({ ...logFields(job), error: String(error) }, "could not record a step; retrying");
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
          log.warn({ task_id: taskId }, "dropped an unreadable job");
          await forget(taskId);
          continue;
        }
        log.info({ ...logFields(job), step: job.step }, "job resumed");
        work(taskId, (signal) => run(job, signal));
      }
    },

    async start(task) {
      const { task_id: taskId, service, status } = task;
      if (working.has(taskId) || (status !== "pending" && status !== "dispatching")) {
        log.warn({ task_id: taskId, service, status }, "repeated submission: the task is not executed again");
        return "not_executed";
      }
      const job = newJob(task);
      // The job is stored before its record shows it: a crash in between repeats a step instead of losing the task.
      const accepted = save(job).then(() => record(job));
      work(taskId, (signal) =>
        accepted.then(
          (step) => (step === "continues" ? run({ ...job, step: 1 }, signal) : undefined),
          () => run(job, signal),
        ),
      );
      const step = await accepted;
      if (step === "not_found") return "not_found";
      if (step === "continues") return "started";
      log.warn({ task_id: taskId, service }, "task not executed: it ended or was cancelled before it was accepted");
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

function logFields({ taskId, service }: Job) {
  return { task_id: taskId, service };
}
