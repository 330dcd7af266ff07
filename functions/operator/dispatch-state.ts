import { endpoints } from "../../shared/api/endpoints.ts";
import { json } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";
import { readDispatchState } from "../../task-state/index.ts";

export default httpFunction(endpoints.adminDispatchState, async (_request, { context }) =>
  json(200, await readDispatchState(context.primary)),
);
