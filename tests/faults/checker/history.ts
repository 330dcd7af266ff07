import { z } from "zod";

/** The first line of a history. Times are in ms. */
const header = z.object({
  kind: z.literal("header"),
  name: z.string(),
  seed: z.number(),
  /** `talks`: the record shows what the scheduler does; `later`: its end alone; `never`: nothing, and its jobs never end. */
  silence: z.enum(["talks", "later", "never"]),
  /** Limit of a request to the scheduler. */
  timeoutMs: z.number(),
  /** Wait before a submission of unknown fate may be sent again. */
  graceMs: z.number(),
  /** Longest time for which a dispatcher may hold a task without a heartbeat. */
  leaseMs: z.number(),
  /** Everything has to be over so long after the last fault. */
  settleMs: z.number(),
});

/** Somebody begins something. A fault is something that an injector does; its `on` says what it disturbs. */
const invoke = z.object({
  kind: z.literal("invoke"),
  op: z.number(),
  actor: z.string(),
  verb: z.string(),
  args: z.record(z.string(), z.unknown()),
  at: z.number(),
});

/** It is over: with an answer's status and body, or `lost` without one. */
const complete = z.object({
  kind: z.literal("complete"),
  op: z.number(),
  at: z.number(),
  status: z.number().optional(),
  body: z.unknown().optional(),
  lost: z.string().optional(),
});

const submission = z.looseObject({
  at: z.number(),
  parameters: z.record(z.string(), z.string()).optional(),
  executed: z.boolean().optional(),
  status: z.number().optional(),
  statusAt: z.number().optional(),
  headed: z.boolean().optional(),
});
export type Submission = z.infer<typeof submission>;

/** What the scheduler says that it was asked and has run, by task id. */
const ledger = z.object({
  kind: z.literal("scheduler"),
  submissions: z.record(z.string(), z.array(submission)),
  endings: z.record(z.string(), z.array(z.string())),
  harmed: z.array(z.object({ harm: z.string(), id: z.string(), seen: z.string(), at: z.number() })),
});

/** The shared keys of Redis at the end, for the users of this history: records as text by id, members of sets by key. */
const store = z.object({
  kind: z.literal("store"),
  records: z.record(z.string(), z.string()),
  /** Ids with metadata. */
  metadata: z.array(z.string()),
  sets: z.record(z.string(), z.array(z.string())),
});

/** The end of the wait until all is settled: how long after the last fault nothing moved any more; absent when that never came. */
const quiet = z.object({
  kind: z.literal("quiet"),
  at: z.number(),
  afterMs: z.number().optional(),
  /** What was left to do if nothing settled. */
  left: z.string().optional(),
});

export const lineSchema = z.discriminatedUnion("kind", [header, invoke, complete, ledger, store, quiet]);
export type Line = z.infer<typeof lineSchema>;

/** One invocation with its completion. */
export interface Operation {
  readonly op: number;
  readonly actor: string;
  readonly verb: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly from: number;
  /** Infinity when it never completed. */
  readonly to: number;
  /** `undefined` when no answer came. */
  readonly status: number | undefined;
  readonly body: unknown;
  readonly lost: string | undefined;
}

export interface History {
  readonly header: z.infer<typeof header>;
  readonly operations: readonly Operation[];
  readonly ledger: z.infer<typeof ledger>;
  readonly store: z.infer<typeof store>;
  readonly quiet: z.infer<typeof quiet>;
}

/** Reads JSON lines. */
export function parseLines(text: string): Line[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => lineSchema.parse(JSON.parse(line)));
}

/** Puts the lines together. @throws Error when one that must be there is missing */
export function historyOf(lines: readonly Line[]): History {
  const one = <K extends Line["kind"]>(kind: K): Extract<Line, { kind: K }> => {
    const found = lines.find((line): line is Extract<Line, { kind: K }> => line.kind === kind);
    if (!found) throw new Error(`a history without ${kind}`);
    return found;
  };
  const completions = new Map(lines.flatMap((line) => (line.kind === "complete" ? [[line.op, line] as const] : [])));
  const operations = lines.flatMap((line): Operation[] => {
    if (line.kind !== "invoke") return [];
    const { op, actor, verb, args, at: from } = line;
    const { at: to = Number.POSITIVE_INFINITY, status, body, lost } = completions.get(op) ?? {};
    return [{ op, actor, verb, args, from, to, status, body, lost }];
  });
  return {
    header: one("header"),
    operations,
    ledger: one("scheduler"),
    store: one("store"),
    quiet: one("quiet"),
  };
}
