import { hasEnded, type Owner, type RecordChange } from "../record/record.ts";
import type { Command } from "../redis/command.ts";
import { dispatchGroup, idSets, keys } from "../redis/keys.ts";
import { amendedMemory, deletionMemory, metadataTtl, sidecarTtl } from "../redis/lifetimes.ts";
import type { TaskStateContext } from "./context.ts";
import { deadLetterCommands, type NewDeadLetter } from "./dead-letter.ts";
import { park } from "./park.ts";
import { type Sidecar, type SidecarPatch, wordsOf } from "./sidecar.ts";
import type { View } from "./view.ts";

/** A change of a task and of everything that changes with it, applied atomically. */
export interface Change {
  readonly record?: RecordChange;
  readonly sidecar?: SidecarPatch;
  /** Add the task to the work stream. */
  readonly enqueue?: boolean;
  /** Acknowledge this entry of the work stream. */
  readonly acknowledge?: string;
  /** Release the permit of a submission. */
  readonly releasePermit?: boolean;
  /** Release only one of the user's parked tasks next time, because only an attempt shows whether the block has ended. */
  readonly probe?: boolean;
  /** Add it to the dead letters; `null` removes it. */
  readonly deadLetter?: NewDeadLetter | null;
  /** Show readers a cancellation, requested at this time, that the record cannot show yet; `null` ends that. */
  readonly deferCancel?: string | null;
  /** `hide`: no reader sees the task any more. `purge`: nothing of it is left but its tombstone. */
  readonly remove?: "hide" | "purge";
}

/** The task after a change. */
export interface Next {
  /** True when the record is written. */
  readonly saved: boolean;
  readonly sidecar: Sidecar | undefined;
}

/** The Redis commands of a change, except for the record itself. */
export function commandsFor(
  context: TaskStateContext,
  view: View,
  change: Change,
  owner: Owner | undefined,
  { saved, sidecar }: Next,
): Command[] {
  const { id } = view;
  const commands: Command[] = [];
  if (saved && owner) commands.push(...refresh(context, id, owner));
  if (saved && view.record && hasEnded(view.record)) commands.push(...amend(view));
  if (change.remove === "purge") commands.push(...purge(view, owner));
  else if (change.sidecar && sidecar) commands.push(...saveSidecar(context, view, sidecar, change));
  if (change.remove === "hide") commands.push(...tombstone(id, owner, "+inf"));
  if (owner) commands.push(...follow(view, owner, change));
  return commands;
}

/** Extends the lifetimes of the keys that belong to a saved record. */
function refresh(context: TaskStateContext, id: string, owner: Owner): Command[] {
  return [
    ["EXPIRE", keys.metadata(id), metadataTtl(context)],
    ["EXPIRE", keys.sidecar(id), sidecarTtl(context)],
    ...refreshSets(context, owner),
  ];
}

/** An ended task does not change as a rule, so lists may read it from a replica: not this one, for a while. */
function amend({ id, now }: View): Command[] {
  return [
    ["ZREMRANGEBYSCORE", keys.amended, "-inf", now],
    ["ZADD", keys.amended, now + amendedMemory, id],
    ["EXPIRE", keys.amended, amendedMemory / 1000],
  ];
}

/** Extends the lifetimes of the sets that hold its id, if their refresh is due. */
export function refreshSets(context: TaskStateContext, owner: Owner): Command[] {
  // One lookup decides for all sets of a busy owner.
  const ownerSet = keys.owner(owner);
  if (!context.isRefreshDue(ownerSet)) return [];
  const others = [...idSets(owner), keys.users(owner.service)].filter((set) => set !== ownerSet);
  return [ownerSet, ...others.filter(context.isRefreshDue)].map((set) => ["EXPIRE", set, context.ttlSeconds]);
}

function saveSidecar(
  context: TaskStateContext,
  { id, now }: View,
  sidecar: Sidecar,
  { sidecar: patch = {}, probe }: Change,
): Command[] {
  const key = keys.sidecar(id);
  const save: Command = ["HSET", key, "rev", sidecar.rev];
  // The first revision creates the hash, so it includes owner and phase.
  if (sidecar.rev === 1) save.push("service", sidecar.service, "user", sidecar.user, "phase", sidecar.phase);
  const { set, drop } = wordsOf(patch);
  const commands: Command[] = [[...save, ...set]];
  if (drop.length > 0) commands.push(["HDEL", key, ...drop]);
  if (sidecar.rev === 1) commands.push(["EXPIRE", key, sidecarTtl(context)]);
  if (patch.dueAt === null) commands.push(["ZREM", keys.due, id]);
  else if (patch.dueAt !== undefined) commands.push(["ZADD", keys.due, patch.dueAt, id]);
  if (patch.hold === null) commands.push(["ZREM", keys.parked(sidecar.user), id], ["SREM", keys.held, id]);
  else if (patch.hold !== undefined) commands.push(...park(id, sidecar.user, now, probe ?? false));
  return commands;
}

function follow({ id, now }: View, owner: Owner, change: Change): Command[] {
  const { enqueue, acknowledge, deferCancel, releasePermit, deadLetter } = change;
  const commands: Command[] = [];
  if (enqueue) commands.push(["XADD", keys.work, "*", "id", id], ["INCR", keys.added]);
  if (deferCancel === null) commands.push(["HDEL", keys.deferredCancels, id]);
  else if (deferCancel !== undefined) commands.push(["HSET", keys.deferredCancels, id, deferCancel]);
  if (releasePermit) commands.push(["ZREM", keys.inFlight, id], ["ZREM", keys.inFlightOf(owner.user), id]);
  if (deadLetter !== undefined) commands.push(...deadLetterCommands(id, owner, deadLetter, now));
  if (acknowledge !== undefined) commands.push(["XACK", keys.work, dispatchGroup, acknowledge]);
  return commands;
}

function purge(view: View, owner: Owner | undefined): Command[] {
  const { id } = view;
  return [
    ["DEL", keys.record(id), keys.metadata(id), keys.sidecar(id)],
    ["ZREM", keys.due, id],
    ["HDEL", keys.deferredCancels, id],
    ["ZREM", keys.inFlight, id],
    ["ZREM", keys.amended, id],
    ["SREM", keys.held, id],
    ["ZREM", keys.dead, id],
    ["HDEL", keys.deadLetters, id],
    ...(owner
      ? [
          ["ZREM", keys.parked(owner.user), id],
          ["ZREM", keys.inFlightOf(owner.user), id],
        ]
      : []),
    ...tombstone(id, owner, view.now + deletionMemory),
  ];
}

function tombstone(id: string, owner: Owner | undefined, until: number | string): Command[] {
  const commands: Command[] = [["ZADD", keys.deleted, until, id]];
  if (owner) commands.push(["HSET", keys.deletedOwners, id, JSON.stringify([owner.service, owner.user])]);
  return commands;
}
