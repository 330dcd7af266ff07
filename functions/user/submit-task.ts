import { endpoints } from "../../shared/api/endpoints.ts";
import { json, problem } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";
import { readParameters } from "../../shared/http/parameters.ts";

export default httpFunction(endpoints.submitTask, async ({ input, query }, { store }) => {
  const read = readParameters(query);
  if (!read.ok) return problem(read.status, read.detail);
  const taskId = await store.submit({ service: input.service, user: input.user_id }, read.parameters);
  return json(202, { task_id: taskId, status: "pending" });
});
