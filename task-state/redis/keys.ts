import type { Owner } from "../record/record.ts";

/**
 * Every Redis key that this library uses. `task:*`, `index:*` and `blocks:*` are shared with other programs, which define their
 * names and types; our own keys begin with `dms:`.
 */
export const keys = {
  /** string; INCR gives the next task id. */
  sequence: "task:id:sequence",
  /** string; the TaskRecord as JSON. */
  record: (id: string) => `task:${id}`,
  /** hash; `service` and `user_id`. */
  metadata: (id: string) => `task:${id}:metadata`,

  /** set; every task id. */
  tasks: "index:tasks",
  /** set; the task ids of a service. */
  service: (service: string) => `index:service:${service}`,
  /** set; the **user** ids of a service. */
  users: (service: string) => `index:service:${service}:users`,
  /** set; the task ids of a user in a service. */
  owner: ({ service, user }: Owner) => `index:service:${service}:user:${user}`,
  /** set; the task ids of a user in all services. */
  user: (user: string) => `index:user:${user}`,

  /** string; `{"blocked": bool, "blocked_users": […]}`, written by the scheduler. */
  blocksAll: "blocks:all",
  /** string; `{"blocked": bool}`, written by the scheduler. */
  blocksUser: (user: string) => `blocks:user:${user}`,

  /** sorted set beside a shared set of ids (score: the number, or `+inf` for a name) or of users (score: 0). */
  ordered: (sharedSet: string) => `dms:order:${sharedSet}`,
  /** string; the number up to which lists have checked every id of the sequence. Has the prefix of `ordered`, but is no set's twin. */
  seen: "dms:order:seen",
  /** sorted set; numbers of the sequence that had no record yet, by the time in ms until which lists re-check them. */
  unwritten: "dms:order:unwritten",
  /** sorted set; ended tasks that were changed again, by the time in ms until which lists read them from the primary. */
  amended: "dms:order:amended",
  /** hash; our own state of the task, see `Sidecar`. */
  sidecar: (id: string) => `dms:task:${id}`,
  /** stream; an entry says "reconcile task `id`". */
  work: "dms:work",
  /** string; the number of entries ever added to the work stream. */
  added: "dms:work:added",
  /** string; the clocks that all scripts use, see `clockFunction`. */
  clock: "dms:clock",
  /** sorted set; dispatchers by the time of their last heartbeat, in ms. */
  dispatchers: "dms:dispatchers",
  /** sorted set; dispatchers by the watched time in ms at which their leases expire. */
  leases: "dms:leases",
  /** string; exists while dispatch is paused. */
  paused: "dms:dispatch:paused",
  /** sorted set; task ids by the time in ms at which they are due. */
  due: "dms:due",
  /** sorted set; users with parked tasks, by the time in ms of their next check. */
  parkedUsers: "dms:parked",
  /** set; the ids of all parked tasks. */
  held: "dms:held",
  /** hash; user → the number of parked tasks that the next release frees. */
  parkedPace: "dms:parked:pace",
  /** sorted set; a user's parked task ids (score: the id). */
  parked: (user: string) => `dms:parked:user:${user}`,
  /** sorted set; ids of tasks that are being submitted, by the time in ms at which their permits expire. */
  inFlight: "dms:inflight",
  /** the same for one user. */
  inFlightOf: (user: string) => `dms:inflight:user:${user}`,
  /** string; the time in ms from which the rate limit allows the next submission. */
  rate: "dms:dispatch:rate",
  /** sorted set; dead letters (a task id, or a stream entry's id), by time in ms. */
  dead: "dms:dead",
  /** hash; the same ids → the letter as JSON. */
  deadLetters: "dms:dead:letters",
  /** sorted set; ids of tasks that cannot be read, by the time in ms of their next check. */
  unreadable: "dms:unreadable",
  /** hash; task id → the time at which a cancellation was requested that waits for its submission's end. */
  deferredCancels: "dms:cancels:deferred",
  /** sorted set; tombstones: ids that no reader may see, by the time in ms at which they expire (`+inf`: not yet). */
  deleted: "dms:deleted",
  /** hash; task id → JSON `[service, user]` of a deleted task. */
  deletedOwners: "dms:deleted:owners",
  /** string with an expiry; `<task id> <digest of its parameters>` for an owner's idempotency key. */
  idempotency: (digest: string) => `dms:idempotency:${digest}`,
  /** string; the name of the deployment that uses this database. */
  deployment: "dms:deployment",
  /** string with an expiry; a lock, so that one process at a time heals an index. */
  healing: (sharedSet: string) => `dms:healing:${sharedSet}`,
} as const;

/** The consumer group of the dispatchers on `keys.work`. */
export const dispatchGroup = "dispatchers";

/** The shared sets that hold a task's id. */
export function idSets(owner: Owner): string[] {
  return [keys.tasks, keys.service(owner.service), keys.owner(owner), keys.user(owner.user)];
}

/** Those of them that have an ordered twin. */
export function orderedIdSets(owner: Owner): string[] {
  return [keys.tasks, keys.service(owner.service), keys.owner(owner)];
}

/** The longest service or user id, in bytes of UTF-8. */
export const maxIdentityBytes = 256;

// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Why a service or user id is invalid, or `undefined` when it is valid.
 * A service with a later `:`-separated part `user` or `users` would make two index keys equal (`index:service:a:users` is the
 * user set of service `a`); user ids are the last part of every key and may contain any part.
 */
export function identityFault(kind: "service" | "user", id: string): string | undefined {
  if (id === "") return `${kind} must not be empty`;
  if (Buffer.byteLength(id) > maxIdentityBytes) return `${kind} must not be longer than ${maxIdentityBytes} bytes`;
  if (controlCharacter.test(id)) return `${kind} must not hold control characters`;
  if (!id.isWellFormed()) return `${kind} must be valid Unicode`;
  if (kind === "service" && /:users?(:|$)/.test(id)) {
    return `service must not hold ":user" or ":users" as a part, because its index would collide with another service's`;
  }
  return undefined;
}

/** Why an owner is invalid, or `undefined` when it is valid. */
export function ownerFault({ service, user }: Owner): string | undefined {
  return identityFault("service", service) ?? identityFault("user", user);
}

/** The largest number that Redis counts to, 2^63 - 1. */
export const largestTaskId = "9223372036854775807";

/** True for the decimal ids that `keys.sequence` can assign; a number in JavaScript is exact only below 2^53. */
export function isTaskId(text: string): boolean {
  if (!/^[1-9]\d{0,18}$/.test(text)) return false;
  return text.length < largestTaskId.length || text <= largestTaskId;
}

/**
 * True for every id under which a program may keep a task: numbers, and names such as `demo`. Any other text is no task id,
 * above all one whose record key is another key of the programs, such as `id:sequence`.
 */
export function mayNameTask(text: string): boolean {
  if (isTaskId(text)) return true;
  return identityFault("user", text) === undefined && text !== "id:sequence" && !text.endsWith(":metadata");
}

/** Lua: may_name_task(text) says the same. */
export const mayNameTaskFunction = String.raw`
local function may_name_task(text)
  if text == '' or #text > ${maxIdentityBytes} or text == 'id:sequence' or string.sub(text, -9) == ':metadata' then return false end
  return not string.find(text, '[%z\1-\31\127]') and not string.find(text, '\194[\128-\159]')
end`;

/** The score of an id in an ordered set: names come after all numbers, and Redis orders them by their bytes. */
export function scoreOf(id: string): string {
  return isTaskId(id) ? id : "+inf";
}

/** Compares task ids as lists order them: numbers by their value, however large, then names by their bytes. */
export function compareTaskIds(a: string, b: string): number {
  const isNumber = isTaskId(a);
  if (isNumber !== isTaskId(b)) return isNumber ? -1 : 1;
  if (!isNumber) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : Number(a > b);
}

/** Lua: the name of a key of the task `id`. */
export function named(key: (id: string) => string): string {
  return `'${key("' .. id .. '")}'`;
}
