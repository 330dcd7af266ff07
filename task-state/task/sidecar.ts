import { hasJobs, type TaskRecord } from "../record/record.ts";

/**
 * The progress of a submission:
 * - `queued`: the scheduler does not have the task, or provably did not start it;
 * - `sending`: a submission is under way, or its fate is unknown;
 * - `sent`: the scheduler accepted the task, or the record shows that it has it;
 * - `external`: a service registered the task and runs it itself; the dispatcher neither submits nor cancels it;
 * - `foreign`: another program recorded the task or moved it on, and the scheduler may have it.
 */
export type Phase = "queued" | "sending" | "sent" | "external" | "foreign";

/** State of a task that is kept in our own hash, because other programs drop unknown fields of the record. */
export interface Sidecar {
  readonly service: string;
  readonly user: string;
  readonly phase: Phase;
  /** Increases with every change of this hash; a commit names the revision that it read. */
  readonly rev: number;
  /** Counted submissions so far. */
  readonly attempts: number;
  /** Counted cancel requests so far. */
  readonly cancelAttempts: number;
  /** While `sending`: when the fate of the submission may be decided by the record, in ms of watched time. */
  readonly checkAt?: number;
  /** Foreign log entries in the record before the latest submission; one more proves that the scheduler has the task. */
  readonly foreignLogs?: number;
  /** What the task's owner wants beyond its submission; `delete` includes the cancellation. */
  readonly want?: "cancel" | "delete";
  /** When a cancellation was requested, in the time format of records; readers see it until it is confirmed. */
  readonly wantedAt?: string;
  /** 1 once the record's log shows the request. */
  readonly wantLogged?: number;
  /** 1 once a submission ended without a clear answer: the scheduler may have the task, whatever came later. */
  readonly doubtful?: number;
  /** When the task was submitted, in ms of Redis time. */
  readonly since?: number;
  /** When an operator retried it, in ms of Redis time: its age counts from there. */
  readonly renewedAt?: number;
  /** The request that is a dead letter. */
  readonly dead?: "submit" | "cancel";
  /** When the scheduler confirmed the cancellation, or when the task's end was found, in ms of Redis time. */
  readonly confirmedAt?: number;
  /** When the task is due again, in ms of Redis time; also in `keys.due`. */
  readonly dueAt?: number;
  /** Why a pending task is parked under its user. */
  readonly hold?: string;
  /** Attempts to send the submission, including those that do not count. */
  readonly tries?: number;
  /** The same for the cancellation. */
  readonly cancelTries?: number;
  /** Number of the submission's entry among all entries ever added to the work stream. */
  readonly place?: number;
  /** Cause of the latest failed attempt. */
  readonly error?: string;
  /** The W3C `traceparent` of the request that submitted the task. */
  readonly trace?: string;
  /** The id of that request; missing in tasks of earlier versions and of other programs. */
  readonly request?: string;
  /** The dispatcher that holds the lease, valid as long as it sends heartbeats, see `leaseFunction`. */
  readonly lease?: string;
  /** For earlier versions: the end of the lease, in ms of Redis's own time. */
  readonly leaseUntil?: number;
  /** How often an operator retried a dead letter of the task: each retry is a new submission. */
  readonly generation?: number;
}

/** New values by field; `null` removes the field. */
export type SidecarPatch = { readonly [Field in Exclude<keyof Sidecar, "rev">]?: Sidecar[Field] | null };

const numeric = new Set<string>([
  "rev",
  "attempts",
  "cancelAttempts",
  "checkAt",
  "foreignLogs",
  "confirmedAt",
  "doubtful",
  "wantLogged",
  "tries",
  "cancelTries",
  "place",
  "since",
  "renewedAt",
  "generation",
  "dueAt",
  "leaseUntil",
] satisfies (keyof Sidecar)[]);

/** Parses a HGETALL reply, `[field, value, …]`; `undefined` for an empty one. */
export function parseSidecar(flat: readonly string[]): Sidecar | undefined {
  if (flat.length === 0) return undefined;
  const fields: Record<string, string | number> = { attempts: 0, cancelAttempts: 0, rev: 0 };
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const field = flat[index] as string;
    const value = flat[index + 1] as string;
    fields[field] = numeric.has(field) ? Number(value) : value;
  }
  return fields as unknown as Sidecar;
}

const phases = new Set<string>(["queued", "sending", "sent", "external", "foreign"] satisfies Phase[]);

/** Why a sidecar is invalid; `undefined` for every sidecar that this library wrote. */
export function sidecarFault(sidecar: Sidecar): string | undefined {
  if (!phases.has(sidecar.phase)) return "the sidecar's phase is unknown";
  for (const field of numeric) {
    const value: unknown = sidecar[field as keyof Sidecar];
    if (Number.isNaN(value)) return `the sidecar's ${field} is no number`;
  }
  return undefined;
}

/** The sidecar after a patch, with the next revision. */
export function patchSidecar(sidecar: Sidecar, patch: SidecarPatch): Sidecar {
  const next: Record<string, unknown> = { ...sidecar, rev: sidecar.rev + 1 };
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete next[field];
    else next[field] = value;
  }
  return next as unknown as Sidecar;
}

/** The fields that a patch sets, as `[field, value, …]`, and those that it removes. */
export function wordsOf(patch: SidecarPatch): { readonly set: (string | number)[]; readonly drop: string[] } {
  const [set, drop]: [(string | number)[], string[]] = [[], []];
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) drop.push(field);
    else set.push(field, value);
  }
  return { set, drop };
}

/** True when the scheduler provably never had the task: it was not submitted, or every submission was rejected. */
export function isUnsent(record: TaskRecord, sidecar: Sidecar | undefined): boolean {
  if (sidecar?.phase !== "queued" || sidecar.doubtful !== undefined) return false;
  return record.status === "pending" && !hasJobs(record);
}

/** True when the service that registered the task runs it itself, so that the scheduler has nothing to cancel. */
export function isRunByItsService(record: TaskRecord, sidecar: Sidecar | undefined): boolean {
  return sidecar?.phase === "external" && !hasJobs(record);
}
