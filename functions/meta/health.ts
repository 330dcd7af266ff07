import { endpoints } from "../../shared/api/endpoints.ts";
import { type Answer, json, withRetryAfter } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";
import { findSequenceFault, type SequenceFault } from "../../task-state/index.ts";

export default httpFunction(endpoints.health, async (_request, { redis, deployment }) => {
  // A function without the right to read the sequence submits no tasks.
  const searched = findSequenceFault(redis.primary).catch(() => undefined);
  const other = deployment.other();
  try {
    await redis.primary.ping();
  } catch {
    // The cause appears in the log only: it may name hosts that clients need not know.
    return unhealthy(false, "Redis cannot be reached");
  }
  const fault = await searched;
  if (fault) return unhealthy(true, messages[fault]);
  // Its name appears in the log only.
  const warnings = (await other) === undefined ? [] : ["Another deployment uses this Redis database; see the log"];
  return json(200, { status: "ok", redis: { connected: true }, ...(warnings.length > 0 ? { warnings } : {}) });
});

const messages: Readonly<Record<SequenceFault, string>> = {
  sequence_damaged: "The sequence of task ids is damaged: no task can be submitted",
  ids_taken: "The next task ids are all in use by other programs: a submission fails until one has passed them",
};

function unhealthy(connected: boolean, message: string): Answer {
  return withRetryAfter(json(503, { status: "error", redis: { connected, message }, detail: message }));
}
