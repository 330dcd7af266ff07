import type { History, Operation, Submission } from "./history.ts";
import { acceptedId, type Shown, shownRecord, shownTask, shownTasks } from "./shown.ts";

/** A task of the history and everything that is known of it. */
export interface Story {
  readonly id: string;
  readonly user: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** When its 202 had come; `undefined` when its submission got another answer or none. */
  readonly acceptedAt: number | undefined;
  readonly cancels: readonly Operation[];
  readonly deletes: readonly Operation[];
  /** Reads of it alone. */
  readonly gets: readonly Operation[];
  readonly submissions: readonly Submission[];
  /** The record at the end as text. */
  readonly record: string | undefined;
}

/** A task as an answer has shown it. */
export interface ViewReply {
  readonly operation: Operation;
  readonly task: Shown;
}

/** The history, arranged for the rules. */
export interface Case extends History {
  readonly stories: ReadonlyMap<string, Story>;
  readonly sights: ReadonlyMap<string, readonly ViewReply[]>;
  readonly faults: readonly Operation[];
  /** True when what an answer stands on was disturbed shortly before or during this time. */
  disturbed(from: number, to: number): boolean;
  /** True when the task's record was made unreadable at that time. */
  spoilt(id: string, from: number, to: number): boolean;
}

/** Faults may be felt so long after their end: clients find back to Redis, processes start. In ms. */
const aftermath = 5000;
/** An answer that took longer shows a machine too busy to keep a time limit within the service, in ms. */
const slow = 1000;

/** Arranges a history. */
export function caseOf(history: History): Case {
  const faults = history.operations.filter(({ actor }) => actor === "fault");
  const overlaps = (fault: Operation, from: number, to: number, after = 0) =>
    fault.from <= to && fault.to + after >= from;
  const answering = history.operations.filter(({ actor, args, from, to }) =>
    actor === "fault" ? ["redis", "api", "record"].includes(String(args.on)) : to - from > slow,
  );
  return {
    ...history,
    faults,
    stories: storiesOf(history),
    sights: sightsOf(history.operations),
    disturbed: (from, to) => answering.some((fault) => overlaps(fault, from, to, aftermath)),
    spoilt: (id, from, to) =>
      faults.some((fault) => fault.args.on === "record" && fault.args.task === id && overlaps(fault, from, to, 1000)),
  };
}

const markerOf = (parameters: Readonly<Record<string, string>> | undefined) => parameters?.marker ?? "";
export const textArg = (operation: Operation, name: string) => String(operation.args[name] ?? "");
export const parametersArg = ({ args }: Operation) => (args.parameters ?? {}) as Record<string, string>;

function storiesOf({ operations, ledger, store }: History): Map<string, Story> {
  const records = new Map<string, Shown | undefined>(
    Object.entries(store.records).map(([id, text]) => [id, shownRecord(text)]),
  );
  const submits = operations.filter(({ verb }) => verb === "submit");
  const stories = new Map<string, Story>();
  const add = (id: string, operation: Operation, acceptedAt: number | undefined) => {
    if (stories.has(id)) return;
    const of = (verb: string) => operations.filter((one) => one.verb === verb && one.args.task === id);
    stories.set(id, {
      id,
      user: textArg(operation, "user"),
      parameters: parametersArg(operation),
      acceptedAt,
      cancels: of("cancel"),
      deletes: of("delete"),
      gets: of("get"),
      submissions: ledger.submissions[id] ?? [],
      record: store.records[id],
    });
  };
  for (const operation of submits) {
    const id = operation.status === 202 ? acceptedId(operation) : undefined;
    if (id !== undefined) add(id, operation, operation.to);
  }
  // Whose submission was not answered with 202 may have become a task all the same.
  const unanswered = new Map(
    submits.filter(({ status }) => status !== 202).map((one) => [markerOf(parametersArg(one)), one]),
  );
  const found = [...Object.entries(ledger.submissions), ...[...records.keys()].map((id) => [id, []] as const)];
  for (const [id, submissions] of found) {
    const marker = markerOf(submissions[0]?.parameters ?? records.get(id)?.parameters);
    const operation = unanswered.get(marker);
    if (operation) add(id, operation, undefined);
  }
  return stories;
}

/** What users were shown of each task, oldest answer first. */
function sightsOf(operations: readonly Operation[]): Map<string, ViewReply[]> {
  const sights = new Map<string, ViewReply[]>();
  for (const operation of operations) {
    if (operation.status !== 200) continue;
    const one = shownTask(operation);
    for (const task of one ? [one] : (shownTasks(operation) ?? [])) {
      const known = sights.get(task.task_id) ?? [];
      sights.set(task.task_id, [...known, { operation, task }]);
    }
  }
  for (const known of sights.values()) known.sort((a, b) => a.operation.to - b.operation.to);
  return sights;
}
