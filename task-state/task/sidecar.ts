import { hasJobs, type TaskRecord } from "../record/record.ts";

/**
 * How far a submission has come:
 * - `queued`: the scheduler does not have the task, or provably did not start it;
 * - `sending`: a submission is under way, or its fate is unknown;
 * - `sent`: the scheduler has acknowledged the task, or the record shows that it has it;
 * - `external`: a service has registered the task and runs it itself; it is not ours to submit, nor to cancel elsewhere;
 * - `foreign`: another program brought the task in, or has moved it on, and the scheduler may have it.
 */
export type Phase = "queued" | "sending" | "sent" | "external" | "foreign";

/** What the record cannot hold. Lives in a hash of our own, because other programs drop fields that they do not know. */
export interface Sidecar {
  readonly service: string;
  readonly user: string;
  readonly phase: Phase;
  /** Grows with every change of this hash; a commit names the one that it has read. */
  readonly rev: number;
  /** Counted submissions so far. */
  readonly attempts: number;
  /** Counted cancel requests so far. */
  readonly cancelAttempts: number;
  /** While `sending`: when the fate of the submission may be judged by the record, in ms of watched time. */
  readonly checkAt?: number;
  /** Log entries of others in the record before the latest submission; one more is a sign of the scheduler. */
  readonly foreignLogs?: number;
  /** What the task's owner wants beyond its submission; `delete` includes the cancellation. */
  readonly want?: "cancel" | "delete";
  /** When a cancellation was asked for, as records tell the time; readers see it until it is confirmed. */
  readonly wantedAt?: string;
  /** 1 once the record's log tells of the request. */
  readonly wantLogged?: number;
  /** 1 once a submission has ended without a clear answer: the scheduler may have the task, whatever came later. */
  readonly doubtful?: number;
  /** When it was submitted, in ms of Redis time. */
  readonly since?: number;
  /** When an operator sent it again, in ms of Redis time: its age counts from there. */
  readonly renewedAt?: number;
  /** What was given up and waits for an operator. */
  readonly dead?: "submit" | "cancel";
  /** When the scheduler confirmed the cancellation, or the task's end was seen, in ms of Redis time. */
  readonly confirmedAt?: number;
  /** Not to be looked at before, in ms of Redis time; also in `keys.due`. */
  readonly dueAt?: number;
  /** Why a pending task is not submitted now; it is parked with its user's. */
  readonly hold?: string;
  /** Sends of the submission, counted or not. */
  readonly tries?: number;
  /** The same of the cancellation. */
  readonly cancelTries?: number;
  /** Number of the submission's entry among all that the work stream ever had. */
  readonly place?: number;
  /** Cause of the latest unsuccessful attempt. */
  readonly error?: string;
  /** The W3C `traceparent` of the request that submitted the task. */
  readonly trace?: string;
  /** The dispatcher that is at work on the task, as long as it gives signs of life, see `leaseFunction`. */
  readonly lease?: string;
  /** What earlier versions go by: the end of the lease as it was taken, in ms of Redis's own time. */
  readonly leaseUntil?: number;
  /** How often an operator has sent a dead letter of it again: each time is a submission of its own. */
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

/** Reads a HGETALL reply, `[field, value, …]`; `undefined` for an empty one. */
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

/** Why a sidecar that somebody has tampered with is of no use; `undefined` for all that we write. */
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

/** What a patch sets, `[field, value, …]`, and the fields that it removes. */
export function wordsOf(patch: SidecarPatch): { readonly set: (string | number)[]; readonly drop: string[] } {
  const [set, drop]: [(string | number)[], string[]] = [[], []];
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) drop.push(field);
    else set.push(field, value);
  }
  return { set, drop };
}

/** True when the scheduler provably never had the task: it was not submitted, or every submission was turned away. */
export function isUnsent(record: TaskRecord, sidecar: Sidecar | undefined): boolean {
  if (sidecar?.phase !== "queued" || sidecar.doubtful !== undefined) return false;
  return record.status === "pending" && !hasJobs(record);
}

/** True when the service that registered the task runs it itself: nobody else has anything of it that could be cancelled. */
export function isRunByItsService(record: TaskRecord, sidecar: Sidecar | undefined): boolean {
  return sidecar?.phase === "external" && !hasJobs(record);
}
