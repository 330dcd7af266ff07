import type { HttpFunction } from "../shared/http/function.ts";
import health from "./meta/health.ts";
import help from "./meta/help.ts";
import adminCancelTask from "./operator/cancel-task.ts";
import adminDeleteTask from "./operator/delete-task.ts";
import adminListServiceTasks from "./operator/list-service-tasks.ts";
import adminListTasks from "./operator/list-tasks.ts";
import cancelTask from "./user/cancel-task.ts";
import deleteTask from "./user/delete-task.ts";
import getTask from "./user/get-task.ts";
import listTasks from "./user/list-tasks.ts";
import listUsers from "./user/list-users.ts";
import submitTask from "./user/submit-task.ts";

/** Every HTTP function, for a process that mounts them all. */
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
];
