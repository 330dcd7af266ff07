import { newRecordTail, type Owner, type Parameters } from "../record/record.ts";
import { ifAvailable, TaskStateError } from "../redis/errors.ts";
import { keys } from "../redis/keys.ts";
import { witness } from "../redis/redis-clock.ts";
import type { TaskWords } from "../redis/task-batch.ts";
import type { TaskStateContext } from "./context.ts";
import { sequenceError, sequenceFaultOf } from "./id-sequence.ts";
import { idempotencyKey, parametersDigest } from "./idempotency.ts";
import type { Phase } from "./sidecar.ts";
import { submitInputs, submitOnceScript } from "./submit-script.ts";

/** The result of a submission with an idempotency key. */
export type Submission =
  | { readonly outcome: "submitted"; readonly id: string }
  /** A retry: the same submission was recorded before, as this task. */
  | { readonly outcome: "replayed"; readonly id: string }
  /** The key was used before with other parameters, for this task. */
  | { readonly outcome: "conflict"; readonly id: string };

export interface SubmitOptions {
  /** The W3C `traceparent` of the request, passed on to the scheduler. */
  readonly trace?: string;
  /** The id of the request, by which log lines of later steps are joined with it. */
  readonly request?: string;
}

/**
 * Records a new `pending` task: id, record, metadata, indexes, sidecar and, for `queued`, its entry on the work stream, in one
 * atomic step and one round trip. The caller must check the owner with `identityFault`.
 * @returns the task id
 * @throws TaskStateError `sequence_damaged` or `ids_taken` when no id can be assigned; nothing is stored then
 */
export async function submit(
  context: TaskStateContext,
  owner: Owner,
  parameters: Parameters,
  phase: Extract<Phase, "queued" | "external">,
  options: SubmitOptions = {},
): Promise<string> {
  const stored = context.submit(wordsOf(context, owner, parameters, phase, options));
  const id = await stored.catch((error) => report(context, error));
  if (context.replicated) await untilReplicated(context, id);
  return id;
}

/**
 * Like {@link submit}, but at most once per idempotency key of the owner while the key is remembered: the same atomic step
 * stores the key, and a retry returns the first task's id and stores nothing.
 */
export async function submitOnce(
  context: TaskStateContext,
  owner: Owner,
  parameters: Parameters,
  key: string,
  options: SubmitOptions = {},
): Promise<Submission> {
  const digest = parametersDigest(parameters);
  const inputs = submitInputs(context);
  const reply = await submitOnceScript(
    context.writer,
    { ...inputs.keys, memory: idempotencyKey(owner, key) },
    { ...inputs.args, witness: witness(context.writer), digest, memoryTtl: context.idempotencyTtlSeconds },
    wordsOf(context, owner, parameters, "queued", options),
  ).catch((error) => report(context, error));
  const [stored, id, known] = reply as [number, string, string];
  await untilReplicated(context, id);
  if (stored === 1) return { outcome: "submitted", id };
  return { outcome: known === digest ? "replayed" : "conflict", id };
}

function report(context: TaskStateContext, error: unknown): never {
  const fault = sequenceFaultOf(error);
  if (fault === undefined) throw error;
  context.onSequenceFault(fault);
  throw sequenceError(fault);
}

async function untilReplicated({ replicated }: TaskStateContext, id: string): Promise<void> {
  if (!replicated) return;
  // The task is stored, so an error of this wait must not read as one of the submission.
  if (await ifAvailable(replicated())) return;
  throw new TaskStateError("not_replicated", `Too few replicas have task ${id} in time; it may exist all the same`, id);
}

/** The arguments for one task. One lookup decides whether the expiry of all its sets is set. */
function wordsOf(
  { clock, isRefreshDueAtSubmission }: TaskStateContext,
  owner: Owner,
  parameters: Parameters,
  phase: Extract<Phase, "queued" | "external">,
  { trace = "", request = "" }: SubmitOptions,
): TaskWords {
  const { service, user } = owner;
  const sets = [keys.service(service), keys.users(service), keys.owner(owner), keys.user(user)];
  return [
    newRecordTail(owner, parameters, clock()),
    service,
    user,
    phase,
    trace,
    request,
    isRefreshDueAtSubmission(keys.owner(owner)) ? 1 : 0,
    ...sets,
  ];
}
