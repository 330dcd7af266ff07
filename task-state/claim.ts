import { type Hold, readHold } from "./blocks.ts";
import { type ClaimReply, claimScript, type FreshValues, type Head, isBegun, takeScript } from "./claim-script.ts";
import { metadataTtl, sidecarTtl, type TaskStateContext } from "./context.ts";
import { dispatchGroup, keys } from "./keys.ts";
import { marks, type RecordEdit } from "./record-edit.ts";
import { type SetAside, setAside as setTasksAside } from "./set-aside.ts";
import { parseSidecar, patchSidecar, type Sidecar, type SidecarPatch } from "./sidecar.ts";
import { makeView, type View } from "./view.ts";
import { ensureGroup, isWithoutGroup, type WorkEntry } from "./work-queue.ts";

/** A task whose lease was taken, with what the scheduler's blocks say about it. */
export interface Claim {
  readonly entry: WorkEntry;
  readonly view: View;
  /** Why it must not be submitted now. */
  readonly hold: Hold | undefined;
  /** When the change that was to begin fresh tasks was made, as records tell the time; `undefined`: it was not made. */
  readonly begunAt: string | undefined;
  /** When the claim was asked for, by `performance.now()`; the lease counts from no earlier time. */
  readonly askedAt: number;
}

export interface ClaimOptions {
  /** Who takes the leases, and for how long, in ms. */
  readonly holder: string;
  readonly leaseMs: number;
  /**
   * Made in the same step to each task that is fresh: nobody has touched it since it was submitted, and nothing holds it
   * back. Saves such tasks, which are most of them, a commit of their own.
   */
  readonly begin?: Begin | undefined;
}

/** A change that can be made to a fresh task without having seen it, see `createExpress`. */
export interface Begin {
  readonly edit: RecordEdit;
  readonly patch: SidecarPatch;
  /** The same as a JSON list of fields and values. */
  readonly words: string;
  /** When the fate may be judged, in ms from the claim on. */
  readonly checkAfter: number;
}

/** Takes leases; entries whose task needs nothing from this dispatcher are acknowledged and left out. */
export async function claim(
  context: TaskStateContext,
  entries: readonly WorkEntry[],
  options: ClaimOptions,
): Promise<Claim[]> {
  const wanted = entries.flatMap(({ entryId, taskId }) => (taskId === undefined ? [] : [{ entryId, taskId }]));
  if (wanted.length === 0) return [];
  const reader = createReader(context, options);
  const reply = await claimScript(
    context.primary,
    claimKeys,
    reader.args,
    wanted.flatMap(({ entryId, taskId }) => [entryId, taskId]),
  );
  const [head, claims] = split<ClaimReply>(reply);
  const claimed = wanted.flatMap((entry, index) => reader.read(head, entry, claims[index]));
  await reader.setAside();
  return claimed;
}

/** New entries that a consumer was given, with what it has claimed of them. */
export interface Taking {
  readonly entries: readonly WorkEntry[];
  readonly claims: readonly Claim[];
}

/** Reads up to `count` new entries and claims their tasks, in one step; does not wait for any. */
export async function take(context: TaskStateContext, count: number, options: ClaimOptions): Promise<Taking> {
  const reader = createReader(context, options);
  const run = () => takeScript(context.primary, claimKeys, { ...reader.args, count });
  const [head, taken] = split<[entryId: string, id: string | null, claim: ClaimReply]>(
    await run().catch(async (error) => {
      if (!isWithoutGroup(error)) throw error;
      await ensureGroup(context.primary);
      return run();
    }),
  );
  const entries = taken.map(([entryId, id]) => ({ entryId, taskId: id ?? undefined }));
  const claims = entries.flatMap((entry, index) => reader.read(head, entry, taken[index]?.[2]));
  await reader.setAside();
  return { entries, claims };
}

const claimKeys = { work: keys.work, deleted: keys.deleted, paused: keys.paused, blocksAll: keys.blocksAll };

function split<Item>(reply: unknown): [Head, Item[]] {
  const [now, paused, blocksAll, ...items] = reply as [...Head, ...Item[]];
  return [[now, paused, blocksAll], items];
}

/** What both scripts are told, and how to read what they tell of a task. */
function createReader(context: TaskStateContext, { holder, leaseMs, begin }: ClaimOptions) {
  const askedAt = performance.now();
  const spoilt: SetAside[] = [];
  const { edit, patch = {}, words = "[]", checkAfter = 0 } = begin ?? {};
  const begunAt = begin ? context.clock() : "";
  const args = {
    group: dispatchGroup,
    holder,
    leaseMs,
    recordPrefix: keys.record(""),
    metadataSuffix: keys.metadata("").slice(keys.record("").length),
    sidecarPrefix: keys.sidecar(""),
    blocksPrefix: keys.blocksUser(""),
    ttl: context.ttlSeconds,
    metadataTtl: metadataTtl(context),
    sidecarTtl: sidecarTtl(context),
    from: edit?.from ?? "",
    to: edit?.to ?? "",
    tail: edit?.tail ?? "",
    nextTail: edit?.nextTail.replaceAll(marks[0], begunAt) ?? "",
    checkAfter,
    patch: words,
  };
  const read = ([time, paused, blocksAll]: Head, entry: WorkEntry, found: ClaimReply | undefined): Claim[] => {
    const { entryId, taskId: id } = entry;
    if (!found || id === undefined) return [];
    if (typeof found === "string") {
      spoilt.push({ id, entryId, reason: found });
      return [];
    }
    const now = Number(time);
    const lease: SidecarPatch = { lease: holder, leaseUntil: now + leaseMs };
    if (isBegun(found)) {
      const [raw, values] = found;
      const sidecar = patchSidecar(sidecarOf(values), { ...patch, checkAt: now + checkAfter, ...lease });
      const view = makeView(context, { id, now, raw, sidecar, deleted: false });
      return [{ entry, view, hold: undefined, begunAt, askedAt }];
    }
    const [raw, flat, deleted, blocksUser] = found;
    const before = parseSidecar(flat);
    const sidecar = before && patchSidecar(before, lease);
    const view = makeView(context, { id, now, raw, sidecar, deleted: deleted === 1 });
    const hold = readHold(sidecar?.user ?? "", paused, blocksAll, blocksUser);
    return [{ entry, view, hold, begunAt: undefined, askedAt }];
  };
  /** An entry whose task has keys of a wrong type would come back for ever. */
  const setAside = () => setTasksAside(context, ...spoilt);
  return { args, read, setAside };
}

/** The sidecar that a fresh task has. */
function sidecarOf([service, user, rev, place, trace]: FreshValues): Sidecar {
  return {
    service,
    user,
    phase: "queued",
    rev: Number(rev),
    attempts: 0,
    cancelAttempts: 0,
    ...(place === null ? {} : { place: Number(place) }),
    ...(trace === null ? {} : { trace }),
  };
}
