import { until } from "../../support/until.ts";
import { type Accepted, type AcceptedTask, audit, expectClean, figuresOf } from "./audit.ts";
import type { ShownTask, Submitted } from "./client.ts";
import { printFigures } from "./run.ts";
import type { Stage } from "./stage.ts";

/** What users do on a stage, with the memory of what each task's owner wants in the end. */
export interface Play {
  readonly accepted: Accepted;
  /** @throws Error when it is not accepted */
  submit(user: string, parameters?: Readonly<Record<string, string>>): Promise<Submitted>;
  /** Submits a task whose job takes a minute and writes nothing meanwhile, and resolves when it runs. */
  run(user: string): Promise<Submitted>;
  cancel(task: Submitted): Promise<ShownTask | undefined>;
  delete(task: Submitted): Promise<ShownTask | undefined>;
  /** Resolves when the task shows this status. */
  untilStatus(task: Submitted, status: string): Promise<unknown>;
  /** Resolves when the scheduler has received a submission of the task. */
  untilReceived(task: Submitted): Promise<unknown>;
  /** Judges all of it when all is quiet, and prints the figures. */
  judge(name: string, more?: Readonly<Record<string, number | string>>): Promise<void>;
}

/** Time that a judgement may take, in ms. */
export const judgement = 60_000;

/** A play on a stage that may be opened later. */
export function createPlay(stage: () => Stage): Play {
  const accepted = new Map<string, AcceptedTask>();
  const want = (task: Submitted, wanted: AcceptedTask["want"]) => {
    const known = accepted.get(task.id);
    if (known?.want !== "delete") accepted.set(task.id, { ...(known ?? task), want: wanted });
  };
  const play: Play = {
    accepted,
    async submit(user, parameters = {}) {
      const task = await stage().client.submit(user, parameters);
      if (!task) throw new Error(`no 202 for ${user}`);
      accepted.set(task.id, { ...task, want: "none", refused: parameters.refuse !== undefined });
      return task;
    },
    async run(user) {
      const task = await play.submit(user, { ms: "60000", refresh: "60000" });
      await play.untilStatus(task, "running");
      await until(async () => (await stage().client.get(task))?.logs.some((entry) => entry.endsWith("Job started")));
      return task;
    },
    cancel(task) {
      want(task, "cancel");
      return stage().client.cancel(task);
    },
    delete(task) {
      want(task, "delete");
      return stage().client.delete(task);
    },
    untilStatus: (task, status) =>
      until(async () => (await stage().client.get(task))?.status === status, { timeoutMs: 10_000 }),
    untilReceived: (task) => until(async () => (await stage().scheduler.report()).submissions[task.id]),
    async judge(name, more = {}) {
      const verdict = await audit(stage(), accepted);
      printFigures(name, { ...figuresOf(verdict), ...more });
      expectClean(verdict, stage());
    },
  };
  return play;
}
