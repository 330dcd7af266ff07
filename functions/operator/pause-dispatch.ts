import { endpoints } from "../../shared/api/endpoints.ts";
import { json } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";
import { pauseDispatch, readDispatchState } from "../../task-state/index.ts";

export default httpFunction(endpoints.adminPauseDispatch, async (_request, { context }) => {
  await pauseDispatch(context.primary);
  return json(200, await readDispatchState(context.primary));
});
