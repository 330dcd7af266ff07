import { endpoints } from "../../shared/api/endpoints.ts";
import { json, problem } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";
import { readParameters } from "../../shared/http/parameters.ts";
import { traceOf } from "../../shared/http/trace.ts";

export default httpFunction(endpoints.submitTask, async ({ input, query, headers }, { store }) => {
  const read = readParameters(query);
  if (!read.ok) return problem(read.status, read.detail);
  const trace = traceOf(headers);
  const owner = { service: input.service, user: input.user_id };
  const taskId = await store.submit(owner, read.parameters, trace === undefined ? {} : { trace });
  return json(202, { task_id: taskId, status: "pending" });
});
