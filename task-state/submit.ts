import { metadataTtl, sidecarTtl, type TaskStateContext } from "./context.ts";
import { TaskStateError } from "./errors.ts";
import { keys } from "./keys.ts";
import { newRecordTail, type Owner, type Parameters } from "./record.ts";
import { defineScript } from "./script.ts";
import type { Phase } from "./sidecar.ts";

/*
 * Stores a new task whole.
 * keys   the id sequence, the shared sets and their ordered twins, the work stream
 * args   tail (the record after its task_id), service, user, phase, trace ('' for none), ttl, metadataTtl, sidecarTtl
 *        (seconds), then the key templates of record, metadata and sidecar, in which {id} stands for the id
 * reply  the task id
 */
const submitScript = defineScript({
  name: "submit",
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
end
return id`,
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
  { trace = "" }: SubmitOptions = {},
): Promise<string> {
  const { service, user } = owner;
  const reply = await submitScript(
    context.writer,
    { ...submitKeys(owner), sequence: keys.sequence, work: keys.work, added: keys.added },
    {
      tail: newRecordTail(owner, parameters, context.clock()),
      serviceId: service,
      userId: user,
      phase,
      trace,
      ttl: context.ttlSeconds,
      metadataTtl: metadataTtl(context),
      sidecarTtl: sidecarTtl(context),
    },
    [keys.record("{id}"), keys.metadata("{id}"), keys.sidecar("{id}")],
  );
  const id = String(reply);
  if (context.replicated && !(await context.replicated())) {
    throw new TaskStateError("not_replicated", `Too few replicas have task ${id} in time; it may exist all the same`);
  }
  return id;
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
