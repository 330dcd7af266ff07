import { setTimeout as pause } from "node:timers/promises";
import { isTerminal, type Status, type TaskRecord } from "../../../task-state/index.ts";
import type { Ledger } from "./ledger.ts";
import type { RecordPatch, Records } from "./records.ts";
import type { Ending, Settings } from "./settings.ts";

/** The jobs of the scheduler. Nothing protects them from the outside; what harms them is counted. */
export interface Jobs {
  /** Executes the task, whatever state it is in. */
  submit(task: TaskRecord): Promise<void>;
  /** Ends the task's job and gives what the scheduler answers. */
  cancel(task: TaskRecord): Promise<"cancelled" | "cancel_requested">;
  /** A cancel has come whose record is gone. */
  missed(id: string): void;
  /** Ends a job without a trace, as when the cluster has lost it. */
  forget(id: string): void;
  /** Ids of the tasks whose jobs have not ended. */
  alive(): string[];
  /** Ends every job without a trace. */
  clear(): void;
}

interface Run {
  readonly id: string;
  /** `running` from the moment at which a record has said so. */
  stage: "accepting" | "accepted" | "running";
  /** True once it has a job to end. */
  started: boolean;
  over: boolean;
}

/** Pause before a step is repeated that Redis could not take, in ms. */
const retryPause = 20;

export function createJobs(settings: Settings, records: Records, ledger: Ledger): Jobs {
  const runs = new Map<string, Run>();
  /** Acceptances of which it is not known whether they were written. */
  const unsettled = new Map<string, Promise<void>>();

  function end(run: Run, ending: Ending): void {
    if (run.over) return;
    run.over = true;
    runs.delete(run.id);
    ledger.ended(run.id, ending);
  }

  /** Counts what others have done to a record under a run. The run ends with it. */
  function inspect(run: Run, seen: TaskRecord | undefined): void {
    if (run.over) return;
    if (!seen) {
      ledger.harmed("orphan", run.id, "no record");
      end(run, "orphaned");
    } else if (!tolerated[run.stage].includes(seen.status)) {
      ledger.harmed("abort", run.id, `${run.stage}, record ${JSON.stringify(seen)}`);
      end(run, "aborted");
      records.write(seen, { status: "failed", log: "Job aborted", active_jobs: [] }).catch(() => {});
    }
  }

  /** Reads, waits, writes over whatever is there. A run that has ended meanwhile writes all the same. */
  async function step(run: Run, patch: (seen: TaskRecord) => RecordPatch): Promise<void> {
    let tried: Status | undefined;
    for (;;) {
      try {
        const seen = await records.read(run.id);
        // Redis has carried out what it could not answer.
        if (tried && isTerminal(tried) && seen?.status === tried) return;
        inspect(run, seen);
        if (run.over || !seen) return;
        const wanted = patch(seen);
        tried = wanted.status;
        const replaced = await records.write(seen, wanted);
        if (!replaced && run.over) ledger.lateWrite(run.id);
        if (!replaced && !run.over) ledger.harmed("resurrection", run.id, "written back by its own job");
        return inspect(run, replaced);
      } catch {
        await pause(retryPause);
      }
    }
  }

  async function work(run: Run, task: TaskRecord): Promise<void> {
    const { ms: jobTime = settings.jobTime, refresh = settings.refresh } = task.parameters;
    run.stage = "accepted";
    await pause(settings.startDelay);
    run.started = true;
    await step(run, ({ service, status }) => ({
      status: status === "cancel_requested" ? status : "running",
      log: "Job started",
      active_jobs: [`${service}-${run.id}`],
    }));
    run.stage = "running";
    const until = Date.now() + Number(jobTime);
    while (!run.over && Date.now() < until) {
      await pause(Math.min(Number(refresh), Math.max(1, until - Date.now())));
      await step(run, () => ({ result: { pod_status: "Running", launcher_output: "Copied 1.0 GB (56%)" } }));
    }
    await step(run, () => ({ status: "completed", log: "Job completed", active_jobs: [] }));
    end(run, "completed");
  }

  /** Redis has failed while the acceptance was written: only the record can show whether it was. */
  async function settle(run: Run, task: TaskRecord): Promise<void> {
    for (;;) {
      await pause(retryPause);
      try {
        const seen = await records.read(run.id);
        if (seen?.logs?.some((entry) => entry.endsWith(accepted))) {
          void work(run, task);
        } else {
          run.over = true;
          runs.delete(run.id);
          ledger.notExecuted(run.id);
        }
        unsettled.delete(run.id);
        return;
      } catch {
        // Redis is still unavailable.
      }
    }
  }

  return {
    async submit(task) {
      const { task_id: id, status } = task;
      await unsettled.get(id);
      const first = runs.get(id);
      if (first) {
        ledger.harmed("second_submission", id, status);
        end(first, "deleted");
        await records.write(task, { status: "failed", log: "Job failed: it was deleted", active_jobs: [] });
        return;
      }
      const ending = ledger.lastEnding(id);
      if (isTerminal(status) || ending) ledger.harmed("execution_after_end", id, `${status}, ${ending}`);
      if (status === "cancel_requested" || ledger.wasCancelled(id)) ledger.harmed("revival", id, status);
      const run: Run = { id, stage: "accepting", started: false, over: false };
      runs.set(id, run);
      ledger.executed(id);
      try {
        const replaced = await records.write(task, { status: "dispatching", log: accepted });
        if (replaced?.status !== status) inspect(run, replaced);
      } catch (error) {
        unsettled.set(id, settle(run, task));
        throw error;
      }
      void work(run, task);
    },

    async cancel(task) {
      const run = runs.get(task.task_id);
      ledger.cancelled(task.task_id);
      if (run) end(run, "cancelled");
      const answer = run?.started ? "cancelled" : "cancel_requested";
      const log = answer === "cancelled" ? { log: "Job cancelled" } : {};
      if (run || !isTerminal(task.status)) await records.write(task, { status: answer, ...log, active_jobs: [] });
      return answer;
    },

    missed(id) {
      const run = runs.get(id);
      if (run) inspect(run, undefined);
    },

    forget(id) {
      const run = runs.get(id);
      if (run) end(run, "forgotten");
    },

    alive: () => [...runs.keys()],

    clear() {
      for (const run of runs.values()) run.over = true;
      runs.clear();
    },
  };
}

const accepted = "Task accepted by scheduler";

/** What a record may say under a run. A cancellation is written before the cancel itself arrives. */
const tolerated: Record<Run["stage"], readonly Status[]> = {
  accepting: ["pending", "dispatching"],
  accepted: ["dispatching", "running", "cancel_requested"],
  running: ["running", "cancel_requested"],
};
