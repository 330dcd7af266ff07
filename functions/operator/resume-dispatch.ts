import { endpoints } from "../../shared/api/endpoints.ts";
import { json } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";
import { readDispatchState, resumeDispatch } from "../../task-state/index.ts";

export default httpFunction(endpoints.adminResumeDispatch, async (_request, { context }) => {
  await resumeDispatch(context.primary);
  return json(200, await readDispatchState(context.primary));
});
