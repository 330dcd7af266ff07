import { endpoints } from "../../shared/api/endpoints.ts";
import { type Answer, json, withRetryAfter } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";
import { isSequenceDamaged } from "../../task-state/index.ts";

export default httpFunction(endpoints.health, async (_request, { redis }) => {
  // A function that may not read the sequence has no task to submit either.
  const damaged = isSequenceDamaged(redis.primary).catch(() => false);
  try {
    await redis.primary.ping();
  } catch {
    // The cause stands in the log: it may name hosts that a stranger need not know.
    return sick(false, "Redis cannot be reached");
  }
  if (await damaged) return sick(true, "The sequence of task ids is damaged: no task can be submitted");
  return json(200, { status: "ok", redis: { connected: true } });
});

function sick(connected: boolean, message: string): Answer {
  return withRetryAfter(json(503, { status: "error", redis: { connected, message }, detail: message }));
}
