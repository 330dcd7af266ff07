import { endpoints } from "../../shared/api/endpoints.ts";
import { type Answer, json, withRetryAfter } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";
import { isSequenceDamaged } from "../../task-state/index.ts";

export default httpFunction(endpoints.health, async (_request, { redis }) => {
  // A function without the right to read the sequence submits no tasks.
  const damaged = isSequenceDamaged(redis.primary).catch(() => false);
  try {
    await redis.primary.ping();
  } catch {
    // The cause appears in the log only: it may name hosts that clients need not know.
    return unhealthy(false, "Redis cannot be reached");
  }
  if (await damaged) return unhealthy(true, "The sequence of task ids is damaged: no task can be submitted");
  return json(200, { status: "ok", redis: { connected: true } });
});

function unhealthy(connected: boolean, message: string): Answer {
  return withRetryAfter(json(503, { status: "error", redis: { connected, message }, detail: message }));
}
