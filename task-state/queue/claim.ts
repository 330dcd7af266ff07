import { marks, type RecordEdit } from "../record/record-edit.ts";
import { dispatchGroup, keys } from "../redis/keys.ts";
import { metadataTtl, sidecarTtl } from "../redis/lifetimes.ts";
import { witness } from "../redis/redis-clock.ts";
import type { TaskStateContext } from "../task/context.ts";
import type { QuarantinedTask } from "../task/quarantine.ts";
import { parseSidecar, patchSidecar, type Sidecar, type SidecarPatch, sidecarFault } from "../task/sidecar.ts";
import { makeView, type View } from "../task/view.ts";
import { type Hold, readHold } from "./blocks.ts";
import {
  type ClaimReply,
  claimScript,
  type FreshValues,
  type Head,
  isBegun,
  isLater,
  isOwn,
  readAndClaimScript,
} from "./claim-script.ts";
import { ensureGroup, isWithoutGroup, type WorkEntry } from "./work-queue.ts";

/** A task whose lease was taken, with the hold that applies to it. */
export interface Claim {
  readonly entry: WorkEntry;
  readonly view: View;
  /** Why it must not be submitted now. */
  readonly hold: Hold | undefined;
  /** When the claim began the task, in the time format of records; `undefined` if it did not. */
  readonly begunAt: string | undefined;
  /** When the claim was requested, by `performance.now()`; the lease starts no earlier. */
  readonly askedAt: number;
}

export interface ClaimOptions {
  /** Who takes the leases, and how long they stay valid after its last heartbeat, in ms. */
  readonly holder: string;
  readonly leaseMs: number;
  /** Least time between a take-over and the check of a submission's fate, in ms. @default 0 */
  readonly graceMs?: number;
  /**
   * Applied in the same step to each fresh task: one without a change since its submission and without a hold. Saves such
   * tasks, which are most of them, a separate commit.
   */
  readonly begin?: Begin | undefined;
}

/** A change that a script applies to a fresh task without sending it to the caller, see `createFastPath`. */
export interface Begin {
  readonly edit: RecordEdit;
  readonly patch: SidecarPatch;
  /** The same as a JSON list of fields and values. */
  readonly words: string;
  /** When the fate may be checked, in ms from the claim. */
  readonly checkAfter: number;
}

/** The result of claiming entries. Entries whose task needs no action are acknowledged and are in none of these lists. */
export interface Claims {
  readonly claimed: readonly Claim[];
  /** This dispatcher already holds the leases of their tasks. */
  readonly own: readonly WorkEntry[];
  /** Not claimed, because the records before them are large: to be claimed by a further call. */
  readonly later: readonly WorkEntry[];
  /** Tasks that cannot be read, with the reason: to be quarantined. */
  readonly unreadable: readonly QuarantinedTask[];
}

/** Bytes of records after which a call claims no further task. */
const maxBytes = 1024 * 1024;

/**
 * Takes the leases of the entries' tasks.
 * @param idle true when the dispatcher is working on none of these tasks, so that its own lease is no obstacle
 */
export async function claim(
  context: TaskStateContext,
  entries: readonly WorkEntry[],
  options: ClaimOptions,
  idle = false,
): Promise<Claims> {
  const wanted = entries.filter(({ taskId }) => taskId !== undefined);
  const reader = createReader(context, options);
  if (wanted.length === 0) return reader.claims;
  const reply = await claimScript(
    context.primary,
    claimKeys,
    { ...reader.args, idle: idle ? 1 : 0 },
    wanted.flatMap(({ entryId, taskId = "" }) => [entryId, taskId]),
  );
  const [head, claims] = split<ClaimReply>(reply);
  for (const [index, entry] of wanted.entries()) reader.read(head, entry, claims[index]);
  return reader.claims;
}

/** The entries that were read, with the claims on their tasks. */
export interface ReadClaims extends Claims {
  readonly entries: readonly WorkEntry[];
}

/** Reads up to `count` new entries and claims their tasks in one step; does not block. */
export async function readAndClaim(
  context: TaskStateContext,
  count: number,
  options: ClaimOptions,
): Promise<ReadClaims> {
  const reader = createReader(context, options);
  const run = () => readAndClaimScript(context.primary, claimKeys, { ...reader.args, count });
  const [head, taken] = split<[entryId: string, id: string | null, claim: ClaimReply]>(
    await run().catch(async (error) => {
      if (!isWithoutGroup(error)) throw error;
      await ensureGroup(context.primary);
      return run();
    }),
  );
  const entries = taken.map(([entryId, id]) => ({ entryId, taskId: id ?? undefined }));
  for (const [index, entry] of entries.entries()) reader.read(head, entry, taken[index]?.[2]);
  return { entries, ...reader.claims };
}

const { work, deleted, paused, blocksAll, clock, leases } = keys;
const claimKeys = { work, deleted, paused, blocksAll, clock, leases };

function split<Item>(reply: unknown): [Head, Item[]] {
  const [now, watched, wall, pause, blocks, ...items] = reply as [...Head, ...Item[]];
  return [[now, watched, wall, pause, blocks], items];
}

/** The arguments of both scripts, and the reader of their replies. */
function createReader(context: TaskStateContext, { holder, leaseMs, graceMs = 0, begin }: ClaimOptions) {
  const askedAt = performance.now();
  const unreadable: QuarantinedTask[] = [];
  const claimed: Claim[] = [];
  const own: WorkEntry[] = [];
  const later: WorkEntry[] = [];
  const { edit, patch = {}, words = "[]", checkAfter = 0 } = begin ?? {};
  const begunAt = begin ? context.clock() : "";
  const args = {
    witness: witness(context.primary),
    group: dispatchGroup,
    holder,
    leaseMs,
    grace: graceMs,
    recordPrefix: keys.record(""),
    metadataSuffix: keys.metadata("").slice(keys.record("").length),
    sidecarPrefix: keys.sidecar(""),
    blocksPrefix: keys.blocksUser(""),
    ttl: context.ttlSeconds,
    metadataTtl: metadataTtl(context),
    sidecarTtl: sidecarTtl(context),
    maxBytes,
    from: edit?.from ?? "",
    to: edit?.to ?? "",
    tail: edit?.tail ?? "",
    nextTail: edit?.nextTail.replaceAll(marks[0], begunAt) ?? "",
    checkAfter,
    patch: words,
  };
  const read = (head: Head, entry: WorkEntry, found: ClaimReply | undefined): void => {
    const { entryId, taskId: id } = entry;
    if (!found || id === undefined) return;
    if (found === isOwn) own.push(entry);
    else if (found === isLater) later.push(entry);
    else if (typeof found === "string") unreadable.push({ id, entryId, reason: found });
    else {
      const reason = isBegun(found) ? undefined : faultOf(found[1]);
      if (reason === undefined) claimed.push(claimOf(head, entry, id, found));
      else unreadable.push({ id, entryId, reason, holder });
    }
  };
  const claimOf = (
    head: Head,
    entry: WorkEntry,
    id: string,
    found: Exclude<ClaimReply, string | number | null>,
  ): Claim => {
    const [now, watched, wall] = [Number(head[0]), Number(head[1]), Number(head[2])];
    const lease: SidecarPatch = { lease: holder, leaseUntil: wall + leaseMs };
    if (isBegun(found)) {
      const [raw, values] = found;
      const sidecar = patchSidecar(sidecarOf(values), { ...patch, checkAt: watched + checkAfter, ...lease });
      const view = makeView(context, { id, now, watched, raw, sidecar, deleted: false });
      return { entry, view, hold: undefined, begunAt, askedAt };
    }
    const [raw, flat, deleted, blocksUser, checkAt] = found;
    const before = parseSidecar(flat);
    const judged = typeof checkAt === "string" ? { checkAt: Number(checkAt) } : {};
    const sidecar = before && patchSidecar(before, { ...lease, ...judged });
    const view = makeView(context, { id, now, watched, raw, sidecar, deleted: deleted === 1 });
    const hold = readHold(sidecar?.user ?? "", head[3], head[4], blocksUser);
    return { entry, view, hold, begunAt: undefined, askedAt };
  };
  return { args, read, claims: { claimed, own, later, unreadable } satisfies Claims };
}

function faultOf(flat: readonly string[]): string | undefined {
  const sidecar = parseSidecar(flat);
  return sidecar && sidecarFault(sidecar);
}

/** The sidecar of a fresh task. */
function sidecarOf([service, user, rev, place, trace, since, request]: FreshValues): Sidecar {
  return {
    service,
    user,
    phase: "queued",
    rev: Number(rev),
    attempts: 0,
    cancelAttempts: 0,
    ...(place === null ? {} : { place: Number(place) }),
    ...(trace === null ? {} : { trace }),
    ...(since === null ? {} : { since: Number(since) }),
    ...(request === null ? {} : { request }),
  };
}
