import type { Begin, Claim } from "./claim.ts";
import { type Change, type Command, refreshSets } from "./commands.ts";
import type { TaskStateContext } from "./context.ts";
import { dispatchGroup, keys } from "./keys.ts";
import { createEdits, editFunction, marks } from "./record-edit.ts";
import { defineScript } from "./script.ts";
import { createTaskBatch, forEachTask } from "./task-batch.ts";

/**
 * The short way of a task whose submission goes well: its claim begins it, and one more step finishes it, without that its
 * record is sent to and fro. It does what commits of the same changes would do.
 */
export interface Express {
  /** For `claim` and `take`. */
  readonly begin: Begin;
  /** Finishes a task that is still as its claim has begun it, and acknowledges its entry; false: it is not, look again. */
  finish(claim: Claim): Promise<boolean>;
}

/*
 * keys   work
 * Metadata and sidecar, which outlive the record, have their lifetimes from the claim, a request ago.
 * args   group, recordPrefix, sidecarPrefix; ttl of the record in seconds; of its edit:
 *        from, to, tail and nextTail (as JSON lists of what stands between the times of the task's begin); set and drop
 *        (sidecar fields as JSON lists); then per task: id, revision, entry id, time of its begin, more commands (a JSON list
 *        of lists)
 * reply  per task: 1 finished · 0 it is not as it was begun · the message of its error
 */
const finishScript = defineScript({
  name: "finish",
  atOnce: true,
  keys: ["work"],
  args: ["group", "recordPrefix", "sidecarPrefix", "ttl", "from", "to", "tail", "nextTail", "set", "drop"],
  lua: `${editFunction}
local before, after, fields, dropped = cjson.decode(tail), cjson.decode(nextTail), cjson.decode(set), cjson.decode(drop)
local function finish(id, rev, entry, begunAt, commands)
  local record, sidecar = recordPrefix .. id, sidecarPrefix .. id
  if redis.call('HGET', sidecar, 'rev') ~= rev then return 0 end
  local raw = redis.call('GET', record)
  local nextRecord = raw and edit(raw, from, to, table.concat(before, begunAt), table.concat(after, begunAt))
  if not nextRecord then return 0 end
  redis.call('SET', record, nextRecord, 'EX', ttl)
  redis.call('HSET', sidecar, 'rev', string.format('%.0f', rev + 1), unpack(fields))
  redis.call('HDEL', sidecar, unpack(dropped))
  redis.call('XACK', work, group, entry)
  for _, command in ipairs(cjson.decode(commands)) do redis.call(unpack(command)) end
  return 1
end
${forEachTask("finish", 5)}`,
});

/**
 * @param begin made to tasks that are fresh; its `checkAt` counts from the claim
 * @param finish made to them afterwards; of the sidecar it sets and drops at least one field each
 */
export function createExpress(
  context: TaskStateContext,
  begin: Pick<Change, "record" | "sidecar">,
  finish: Pick<Change, "record" | "sidecar">,
): Express {
  const [first, second] = createEdits(begin.record ?? {}, finish.record ?? {});
  const { checkAt, ...patch } = begin.sidecar ?? {};
  const fields = Object.entries(finish.sidecar ?? {});
  const fixed = {
    group: dispatchGroup,
    recordPrefix: keys.record(""),
    sidecarPrefix: keys.sidecar(""),
    ttl: context.ttlSeconds,
    from: second.from,
    to: second.to,
    tail: between(second.tail),
    set: JSON.stringify(
      fields.filter(([, value]) => value !== null).flatMap(([field, value]) => [field, String(value)]),
    ),
    drop: JSON.stringify(fields.flatMap(([field, value]) => (value === null ? [field] : []))),
  };
  const nextTail = (time: string) => second.nextTail.replaceAll(marks[1], time);
  const run = createTaskBatch((words) =>
    finishScript(
      context.primary,
      { work: keys.work },
      { ...fixed, nextTail: between(nextTail(context.clock())) },
      words,
    ),
  );
  return {
    begin: { edit: first, patch, checkAfter: checkAt ?? 0 },
    async finish({ entry, view: { id, sidecar }, begunAt }) {
      if (!sidecar || begunAt === undefined) return false;
      const commands: Command[] = refreshSets(context, sidecar);
      return (await run([id, sidecar.rev, entry.entryId, begunAt, JSON.stringify(commands)])) === 1;
    },
  };
}

/** The pieces of a text between the marks of the first time, as JSON. */
function between(text: string): string {
  return JSON.stringify(text.split(marks[0]));
}
