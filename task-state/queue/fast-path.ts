import { createEdits, marks, spliceFunction } from "../record/record-edit.ts";
import { dispatchGroup, keys } from "../redis/keys.ts";
import { clockFunction, witness } from "../redis/redis-clock.ts";
import { defineScript } from "../redis/script.ts";
import { createTaskBatch, forEachTask } from "../redis/task-batch.ts";
import { writeCheck } from "../redis/write-check.ts";
import { type Change, refreshSets } from "../task/commands.ts";
import type { TaskStateContext } from "../task/context.ts";
import { wordsOf } from "../task/sidecar.ts";
import { type View, type ViewReply, viewFunction, viewOf } from "../task/view.ts";
import type { Begin, Claim } from "./claim.ts";

/**
 * The fast path of a task whose submission succeeds: its claim begins the submission and one more step finishes it, without
 * transferring the record. The result equals that of two commits.
 */
export interface FastPath {
  /** For `claim` and `readAndClaim`. */
  readonly begin: Begin;
  /**
   * Finishes a task that has not changed since its claim began it, and acknowledges its entry.
   * @returns `undefined`, or the current task if it changed meanwhile, for example because the scheduler wrote its record
   */
  finish(claim: Claim): Promise<View | undefined>;
}

/*
 * Metadata and sidecar outlive the record; the claim, one request ago, set their lifetimes.
 * keys   work, deleted, clock
 * args   witness, group, recordPrefix, sidecarPrefix; ttl of the record in seconds; of its edit:
 *        from, to, tail and nextTail (as JSON lists of the texts between the times at which the task began); set and drop
 *        (sidecar fields as JSON lists); then per task: id, revision, entry id, time at which it began, more commands (a JSON
 *        list of lists), the record as it began
 * reply  per task: 1 finished · the view, if the task changed since it began · the message of its error
 */
const finishScript = defineScript({
  name: "finish",
  keys: ["work", "deleted", "clock"],
  args: ["witness", "group", "recordPrefix", "sidecarPrefix", "ttl", "from", "to", "tail", "nextTail", "set", "drop"],
  lua: `${writeCheck}${spliceFunction}${clockFunction}${viewFunction}
local before, after, fields, dropped = cjson.decode(tail), cjson.decode(nextTail), cjson.decode(set), cjson.decode(drop)
local function finish(id, rev, entry, begunAt, commands, begun)
  local record, sidecar = recordPrefix .. id, sidecarPrefix .. id
  local isAsBegun = redis.pcall('HGET', sidecar, 'rev') == rev and redis.pcall('GET', record) == begun
  local nextRecord = isAsBegun and splice(begun, from, to, table.concat(before, begunAt), table.concat(after, begunAt))
  if not nextRecord then return read_view(clock, witness, record, sidecar, deleted, id) end
  local more = cjson.decode(commands)
  check_right('SET', record)
  check_right('HSET', sidecar)
  check_right('HDEL', sidecar)
  check_write('XACK', work)
  check_writes(more)
  redis.call('SET', record, nextRecord, 'EX', ttl)
  redis.call('HSET', sidecar, 'rev', string.format('%.0f', rev + 1), unpack(fields))
  redis.call('HDEL', sidecar, unpack(dropped))
  redis.call('XACK', work, group, entry)
  for _, command in ipairs(more) do redis.call(unpack(command)) end
  return 1
end
${forEachTask("finish", 6)}`,
});

/** Longer records are finished by a commit, whose cost is small beside theirs. In characters. */
const longestText = 16 * 1024;

/**
 * Creates the fast path of two changes.
 * @param begin applied to fresh tasks; its `checkAt` counts from the claim
 * @param finish applied to them afterwards; it sets and removes at least one sidecar field each
 */
export function createFastPath(
  context: TaskStateContext,
  begin: Pick<Change, "record" | "sidecar">,
  finish: Pick<Change, "record" | "sidecar">,
): FastPath {
  const [first, second] = createEdits(begin.record ?? {}, finish.record ?? {});
  const { checkAt, ...patch } = begin.sidecar ?? {};
  const { set, drop } = wordsOf(finish.sidecar ?? {});
  const fixed = {
    group: dispatchGroup,
    recordPrefix: keys.record(""),
    sidecarPrefix: keys.sidecar(""),
    ttl: context.ttlSeconds,
    from: second.from,
    to: second.to,
    tail: between(second.tail),
    set: JSON.stringify(set),
    drop: JSON.stringify(drop),
  };
  const nextTail = (time: string) => second.nextTail.replaceAll(marks[1], time);
  const run = createTaskBatch<number | ViewReply>((words) =>
    finishScript(
      context.primary,
      { work: keys.work, deleted: keys.deleted, clock: keys.clock },
      { ...fixed, witness: witness(context.primary), nextTail: between(nextTail(context.clock())) },
      words,
    ),
  );
  return {
    begin: { edit: first, patch, words: JSON.stringify(wordsOf(patch).set), checkAfter: checkAt ?? 0 },
    async finish({ entry, view, begunAt }) {
      const { id, sidecar, raw } = view;
      if (!sidecar || begunAt === undefined || raw === null || raw.length > longestText) return view;
      const commands = JSON.stringify(refreshSets(context, sidecar));
      const reply = await run([id, sidecar.rev, entry.entryId, begunAt, commands, raw]);
      return typeof reply === "number" ? undefined : viewOf(context, id, reply);
    },
  };
}

/** The parts of a text between the marks of the first time, as JSON. */
function between(text: string): string {
  return JSON.stringify(text.split(marks[0]));
}
