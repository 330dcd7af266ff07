import { setTimeout as pause } from "node:timers/promises";
import { isTerminal } from "../../../task-state/index.ts";
import type { Jobs } from "./jobs.ts";
import type { Ledger } from "./ledger.ts";
import type { Records } from "./records.ts";
import type { Settings } from "./settings.ts";

interface Run {
  over: boolean;
}

/** Pause before a step is repeated that Redis could not take, in ms. */
const retryPause = 20;

/** Jobs whose records show nothing until one write at their end, or ever. What harms them is counted all the same. */
export function createSilentJobs(settings: Settings, records: Records, ledger: Ledger): Jobs {
  const runs = new Map<string, Run>();

  /** Reads the record, changes it and writes it back whole, whatever it says. */
  async function writeEnd(id: string, run: Run): Promise<void> {
    while (!run.over) {
      try {
        const seen = await records.read(id);
        if (!seen) {
          ledger.harmed("orphan", id, "no record at its end");
          return end(id, run, "orphaned");
        }
        await records.write(seen, { status: "completed", log: "Job completed", active_jobs: [] });
        return end(id, run, "completed");
      } catch {
        await pause(retryPause);
      }
    }
  }

  function end(id: string, run: Run, ending: Parameters<Ledger["ended"]>[1]): void {
    if (run.over) return;
    run.over = true;
    runs.delete(id);
    ledger.ended(id, ending);
  }

  async function work(id: string, run: Run, jobTime: number): Promise<void> {
    await pause(settings.startDelay + jobTime);
    await writeEnd(id, run);
  }

  return {
    async submit({ task_id: id, status, parameters }) {
      const before = ledger.lastEnding(id);
      if (runs.has(id)) ledger.harmed("second_submission", id, status);
      else if (isTerminal(status) || before) ledger.harmed("execution_after_end", id, `${status}, ${before}`);
      if (status === "cancel_requested" || ledger.wasCancelled(id)) ledger.harmed("revival", id, status);
      ledger.executed(id);
      if (runs.has(id)) return;
      const run = { over: false };
      runs.set(id, run);
      if (settings.silence === "later") void work(id, run, Number(parameters.ms ?? settings.jobTime));
    },

    async cancel({ task_id: id }) {
      const run = runs.get(id);
      ledger.cancelled(id);
      if (run) end(id, run, "cancelled");
      return run ? "cancelled" : "cancel_requested";
    },

    missed(id) {
      const run = runs.get(id);
      if (!run) return;
      ledger.harmed("orphan", id, "no record");
      end(id, run, "orphaned");
    },

    forget(id) {
      const run = runs.get(id);
      if (run) end(id, run, "forgotten");
    },

    /** Those that never end keep nobody waiting. */
    alive: () => (settings.silence === "never" ? [] : [...runs.keys()]),

    clear() {
      for (const run of runs.values()) run.over = true;
      runs.clear();
    },
  };
}

/** Asks those jobs that fit the settings, which may change while there are none. */
export function chooseJobs(settings: Settings, talking: Jobs, silent: Jobs): Jobs {
  const chosen = () => (settings.silence === "talks" ? talking : silent);
  return {
    submit: (task) => chosen().submit(task),
    cancel: (task) => chosen().cancel(task),
    missed: (id) => chosen().missed(id),
    forget: (id) => chosen().forget(id),
    alive: () => [...talking.alive(), ...silent.alive()],
    clear() {
      talking.clear();
      silent.clear();
    },
  };
}
