import { endpoints } from "../../shared/api/endpoints.ts";
import { type Answer, json, problem } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";
import { readParameters } from "../../shared/http/parameters.ts";
import { traceOf } from "../../shared/http/trace.ts";
import {
  maxIdempotencyKeyBytes,
  type Owner,
  type Parameters,
  type SubmitOptions,
  type TaskStore,
} from "../../task-state/index.ts";

export default httpFunction(endpoints.submitTask, async ({ input, query, body, headers, requestId }, { store }) => {
  const read = readParameters(query, body);
  if (!read.ok) return problem(read.status, read.detail);
  const owner = { service: input.service, user: input.user_id };
  const trace = traceOf(headers);
  const options = { request: requestId, ...(trace === undefined ? {} : { trace }) };
  const key = headers["idempotency-key"];
  if (key !== undefined) return submitOnce(store, owner, read.parameters, String(key), options);
  return accepted(await store.submit(owner, read.parameters, options));
});

async function submitOnce(
  store: TaskStore,
  owner: Owner,
  parameters: Parameters,
  key: string,
  options: SubmitOptions,
): Promise<Answer> {
  // Node decodes a header as one character per byte.
  if (key === "" || key.length > maxIdempotencyKeyBytes) {
    return problem(422, `Idempotency-Key: must have 1 to ${maxIdempotencyKeyBytes} bytes`);
  }
  const { outcome, id } = await store.submitOnce(owner, parameters, key, options);
  if (outcome === "submitted") return accepted(id);
  if (outcome === "replayed") return { ...accepted(id), headers: { "idempotency-replayed": "true" } };
  return { ...problem(422, `Idempotency-Key: was used before with other parameters, for task ${id}`), taskId: id };
}

function accepted(id: string): Answer {
  return { ...json(202, { task_id: id, status: "pending" }), taskId: id };
}
