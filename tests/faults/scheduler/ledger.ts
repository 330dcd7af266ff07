import { type Ending, type Harm, harms, type Report, type SubmissionEntry } from "./settings.ts";

/** Counts what has happened to each task. It forgets nothing by itself, whatever the records say. */
export interface Ledger {
  /** A submission has arrived. Gives its entry, to which the answer is noted. */
  submitted(
    request: { readonly task_id: string; readonly parameters: Readonly<Record<string, string>> },
    concurrent: number,
  ): SubmissionEntry;
  /** The latest submission of the task has begun a run. */
  executed(id: string): void;
  /** A fault has met a request. */
  met(fault: string): void;
  /** Forgets everything. */
  clear(): void;
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
  const met = new Map<string, number>();
  const count = (id: string, by: 1 | -1) => {
    executions.set(id, (executions.get(id) ?? 0) + by);
    const latest = submissions.get(id)?.findLast(({ executed }) => by === 1 || executed === true);
    if (latest) latest.executed = by === 1;
  };
  return {
    submitted({ task_id: id, parameters }, concurrent) {
      const entry: SubmissionEntry = { at: Date.now(), concurrent, parameters };
      append(submissions, id, entry);
      return entry;
    },
    met: (fault) => met.set(fault, (met.get(fault) ?? 0) + 1),
    clear() {
      for (const part of [executions, endings, submissions, cancels, cancelled, met]) part.clear();
      harmed.length = 0;
      lateWrites.length = 0;
    },
    executed: (id) => count(id, 1),
    notExecuted: (id) => count(id, -1),
    ended: (id, ending) => append(endings, id, ending),
    cancelled: (id) => cancelled.add(id),
    cancelAnswered: (id, status) => append(cancels, id, { at: Date.now(), status }),
    harmed: (harm, id, seen) => harmed.push({ harm, id, seen, at: Date.now() }),
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
        met: Object.fromEntries(met),
      };
    },
  };
}

function append<T>(lists: Map<string, T[]>, id: string, value: T): void {
  const list = lists.get(id);
  if (list) list.push(value);
  else lists.set(id, [value]);
}
