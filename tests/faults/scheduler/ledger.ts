import { type Ending, type Harm, harms, type Report } from "./settings.ts";

/** Counts what has happened to each task. It forgets nothing, whatever the records say. */
export interface Ledger {
  submitted(id: string, concurrent: number): void;
  executed(id: string): void;
  /** The run was never begun after all. */
  notExecuted(id: string): void;
  ended(id: string, ending: Ending): void;
  /** A cancellation was carried out, whatever its answer. */
  cancelled(id: string): void;
  cancelAnswered(id: string, status: number): void;
  harmed(harm: Harm, id: string, seen: string): void;
  lateWrite(id: string): void;
  /** How the latest run of a task ended; `undefined` while it runs or when there was none. */
  lastEnding(id: string): Ending | undefined;
  /** True when a cancellation of the task was carried out. */
  wasCancelled(id: string): boolean;
  report(): Report;
}

/** An empty ledger. */
export function createLedger(): Ledger {
  const executions = new Map<string, number>();
  const endings = new Map<string, Ending[]>();
  const submissions = new Map<string, Report["submissions"][string]>();
  const cancels = new Map<string, Report["cancels"][string]>();
  const cancelled = new Set<string>();
  const harmed: Report["harmed"] = [];
  const lateWrites: string[] = [];
  const count = (id: string, by: number) => executions.set(id, (executions.get(id) ?? 0) + by);
  return {
    submitted: (id, concurrent) => append(submissions, id, { at: Date.now(), concurrent }),
    executed: (id) => count(id, 1),
    notExecuted: (id) => count(id, -1),
    ended: (id, ending) => append(endings, id, ending),
    cancelled: (id) => cancelled.add(id),
    cancelAnswered: (id, status) => append(cancels, id, { at: Date.now(), status }),
    harmed: (harm, id, seen) => harmed.push({ harm, id, seen }),
    lateWrite: (id) => lateWrites.push(id),
    lastEnding: (id) => endings.get(id)?.at(-1),
    wasCancelled: (id) => cancelled.has(id),
    report() {
      const harm = Object.fromEntries(harms.map((kind) => [kind, harmed.filter((one) => one.harm === kind).length]));
      return {
        executions: Object.fromEntries(executions),
        endings: Object.fromEntries(endings),
        submissions: Object.fromEntries(submissions),
        cancels: Object.fromEntries(cancels),
        harm: harm as Report["harm"],
        harmed,
        lateWrites,
      };
    },
  };
}

function append<T>(lists: Map<string, T[]>, id: string, value: T): void {
  const list = lists.get(id);
  if (list) list.push(value);
  else lists.set(id, [value]);
}
