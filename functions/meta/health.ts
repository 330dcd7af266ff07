import { endpoints } from "../../shared/api/endpoints.ts";
import { askAgain, json } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";

export default httpFunction(endpoints.health, async (_request, { redis }) => {
  try {
    await redis.primary.ping();
    return json(200, { status: "ok", redis: { connected: true } });
  } catch {
    // The cause stands in the log: it may name hosts that a stranger need not know.
    const detail = "Redis cannot be reached";
    return askAgain(json(503, { status: "error", redis: { connected: false, message: detail }, detail }));
  }
});
