import { endpoints } from "../../shared/api/endpoints.ts";
import { httpFunction } from "../../shared/http/function.ts";
import { answerList } from "../../shared/http/task-list.ts";

export default httpFunction(endpoints.adminListTasks, ({ input }, { store }) => answerList(store, {}, input));
