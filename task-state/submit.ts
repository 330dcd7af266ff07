import { metadataTtl, sidecarTtl, type TaskStateContext } from "./context.ts";
import { TaskStateError } from "./errors.ts";
import { idempotencyKey, parametersDigest } from "./idempotency.ts";
import { keys } from "./keys.ts";
import { newRecordTail, type Owner, type Parameters } from "./record.ts";
import { defineScript } from "./script.ts";
import type { Phase } from "./sidecar.ts";

/** What has become of a submission that may be a repetition. */
export type Submission =
  | { readonly outcome: "submitted"; readonly id: string }
  /** The same submission was recorded before, as this task. */
  | { readonly outcome: "replayed"; readonly id: string }
  /** The key was used before for other parameters, as this task. */
  | { readonly outcome: "conflict"; readonly id: string };

/*
 * Stores a new task whole.
 * keys   the id sequence, the shared sets and their ordered twins, the work stream
 * args   tail (the record after its task_id), service, user, phase, trace ('' for none), ttl, metadataTtl, sidecarTtl
 *        (seconds), then the key templates of record, metadata and sidecar, in which {id} stands for the id
 * reply  the task id
 */
const storeTask = {
  keys: [
    "sequence",
    "tasks",
    "service",
    "users",
    "owner",
    "user",
    "orderedTasks",
    "orderedService",
    "orderedUsers",
    "orderedOwner",
    "work",
    "added",
  ],
  args: ["tail", "serviceId", "userId", "phase", "trace", "ttl", "metadataTtl", "sidecarTtl"],
  lua: `
-- Redis undoes nothing when a script fails: a key of the wrong type has to fail it before the first write.
for _, set in ipairs({ tasks, service, users, owner, user }) do redis.call('SCARD', set) end
for _, set in ipairs({ orderedTasks, orderedService, orderedUsers, orderedOwner }) do redis.call('ZCARD', set) end
redis.call('XLEN', work)

local id = string.format('%.0f', redis.call('INCR', sequence))
local function named(template) return (string.gsub(template, '{id}', id)) end
local record, metadata, sidecar = named(ARGV[first]), named(ARGV[first + 1]), named(ARGV[first + 2])

redis.call('SET', record, '{"task_id":"' .. id .. '",' .. tail, 'EX', ttl)
redis.call('HSET', metadata, 'service', serviceId, 'user_id', userId)
redis.call('EXPIRE', metadata, metadataTtl)
for _, set in ipairs({ tasks, service, owner, user }) do
  redis.call('SADD', set, id)
  redis.call('EXPIRE', set, ttl)
end
redis.call('SADD', users, userId)
redis.call('EXPIRE', users, ttl)

for _, set in ipairs({ orderedTasks, orderedService, orderedOwner }) do redis.call('ZADD', set, id, id) end
redis.call('ZADD', orderedUsers, 0, userId)
redis.call('HSET', sidecar, 'service', serviceId, 'user', userId, 'phase', phase, 'rev', 1)
if trace ~= '' then redis.call('HSET', sidecar, 'trace', trace) end
redis.call('EXPIRE', sidecar, sidecarTtl)
if phase == 'queued' then
  redis.call('XADD', work, '*', 'id', id)
  redis.call('HSET', sidecar, 'place', redis.call('INCR', added))
end`,
} as const;

const submitScript = defineScript({ name: "submit", ...storeTask, lua: `${storeTask.lua}\nreturn id` });

/*
 * Stores a new task unless its idempotency key is known.
 * keys   also: the key's memory
 * args   also: digest of the parameters, memoryTtl in seconds
 * reply  { 1 stored · 0 known, task id, digest that the key stands for }
 */
const submitOnceScript = defineScript({
  name: "submit-once",
  keys: [...storeTask.keys, "memory"],
  args: [...storeTask.args, "digest", "memoryTtl"],
  lua: `
local known = redis.call('GET', memory)
if known then
  -- A write, so that a wait for replicas covers what was stored before.
  redis.call('SET', memory, known, 'KEEPTTL')
  local space = string.find(known, ' ', 1, true)
  return { 0, string.sub(known, 1, space - 1), string.sub(known, space + 1) }
end
${storeTask.lua}
redis.call('SET', memory, id .. ' ' .. digest, 'EX', memoryTtl)
return { 1, id, digest }`,
});

export interface SubmitOptions {
  /** The W3C `traceparent` of the request, to be passed on to the scheduler. */
  readonly trace?: string;
}

/**
 * Records a new `pending` task: id, record, metadata, indexes, sidecar and, for `queued`, its place on the work stream,
 * in one atomic step and one round trip. The caller has checked the owner with `identityFault`.
 * @returns the task id
 */
export async function submit(
  context: TaskStateContext,
  owner: Owner,
  parameters: Parameters,
  phase: Extract<Phase, "queued" | "external">,
  options: SubmitOptions = {},
): Promise<string> {
  const id = String(await submitScript(context.writer, ...inputsOf(context, owner, parameters, phase, options)));
  if (context.replicated) await untilReplicated(context, id);
  return id;
}

/**
 * As {@link submit}, but at most once for a key of the owner's within the memory's lifetime: the key is remembered in the
 * same atomic step, and a repetition gives the first task's id and stores nothing.
 */
export async function submitOnce(
  context: TaskStateContext,
  owner: Owner,
  parameters: Parameters,
  key: string,
  options: SubmitOptions = {},
): Promise<Submission> {
  const [keyNames, args, templates] = inputsOf(context, owner, parameters, "queued", options);
  const digest = parametersDigest(parameters);
  const reply = await submitOnceScript(
    context.writer,
    { ...keyNames, memory: idempotencyKey(owner, key) },
    { ...args, digest, memoryTtl: context.idempotencyTtlSeconds },
    templates,
  );
  const [stored, id, known] = reply as [number, string, string];
  await untilReplicated(context, id);
  if (stored === 1) return { outcome: "submitted", id };
  return { outcome: known === digest ? "replayed" : "conflict", id };
}

async function untilReplicated({ replicated }: TaskStateContext, id: string): Promise<void> {
  if (!replicated || (await replicated())) return;
  throw new TaskStateError("not_replicated", `Too few replicas have task ${id} in time; it may exist all the same`);
}

function inputsOf(
  context: TaskStateContext,
  owner: Owner,
  parameters: Parameters,
  phase: Extract<Phase, "queued" | "external">,
  { trace = "" }: SubmitOptions,
) {
  return [
    { ...submitKeys(owner), sequence: keys.sequence, work: keys.work, added: keys.added },
    {
      tail: newRecordTail(owner, parameters, context.clock()),
      serviceId: owner.service,
      userId: owner.user,
      phase,
      trace,
      ttl: context.ttlSeconds,
      metadataTtl: metadataTtl(context),
      sidecarTtl: sidecarTtl(context),
    },
    [keys.record("{id}"), keys.metadata("{id}"), keys.sidecar("{id}")],
  ] as const;
}

function submitKeys(owner: Owner) {
  const service = keys.service(owner.service);
  const users = keys.users(owner.service);
  const ownerSet = keys.owner(owner);
  return {
    tasks: keys.tasks,
    service,
    users,
    owner: ownerSet,
    user: keys.user(owner.user),
    orderedTasks: keys.ordered(keys.tasks),
    orderedService: keys.ordered(service),
    orderedUsers: keys.ordered(users),
    orderedOwner: keys.ordered(ownerSet),
  };
}
