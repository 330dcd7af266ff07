import type { HttpFunction } from "../shared/http/function.ts";
import health from "./meta/health.ts";
import help from "./meta/help.ts";
import adminCancelTask from "./operator/cancel-task.ts";
import adminDeleteTask from "./operator/delete-task.ts";
import adminDiscardDeadLetter from "./operator/discard-dead-letter.ts";
import adminDispatchState from "./operator/dispatch-state.ts";
import adminExplainTask from "./operator/explain-task.ts";
import adminListDeadLetters from "./operator/list-dead-letters.ts";
import adminListServiceTasks from "./operator/list-service-tasks.ts";
import adminListTasks from "./operator/list-tasks.ts";
import adminPauseDispatch from "./operator/pause-dispatch.ts";
import adminResumeDispatch from "./operator/resume-dispatch.ts";
import adminRetryDeadLetter from "./operator/retry-dead-letter.ts";
import cancelTask from "./user/cancel-task.ts";
import deleteTask from "./user/delete-task.ts";
import explainTask from "./user/explain-task.ts";
import getTask from "./user/get-task.ts";
import listTasks from "./user/list-tasks.ts";
import listUsers from "./user/list-users.ts";
import submitTask from "./user/submit-task.ts";

/** All HTTP functions, for a process that serves every endpoint. */
export const httpFunctions: readonly HttpFunction[] = [
  help,
  health,
  listTasks,
  submitTask,
  listUsers,
  getTask,
  cancelTask,
  deleteTask,
  adminListTasks,
  adminListServiceTasks,
  adminCancelTask,
  adminDeleteTask,
  adminDiscardDeadLetter,
  adminDispatchState,
  adminExplainTask,
  adminListDeadLetters,
  adminPauseDispatch,
  adminResumeDispatch,
  adminRetryDeadLetter,
  explainTask,
];
