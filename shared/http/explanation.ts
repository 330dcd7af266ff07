import { explainTask, mayNameTask, type Owner, type TaskStateContext } from "../../task-state/index.ts";
import { type Answer, json, taskNotFound } from "./answer.ts";

/** `{"task_id", "explanation", "facts"}`, or 404. */
export async function answerExplanation(context: TaskStateContext, id: string, owner?: Owner): Promise<Answer> {
  const explained = mayNameTask(id) ? await explainTask(context, id, owner) : undefined;
  return explained ? json(200, { task_id: id, ...explained }) : taskNotFound;
}
