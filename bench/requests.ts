import type { Owner, Parameters } from "../task-state/index.ts";
import type { Settings } from "./process.ts";

/** The owner of the measured tasks. */
export const alice: Owner = { service: "sync", user: "alice" };
export const parameters: Parameters = { src: "/home/gpu1", dst: "/scratch" };

const api = "/api/v1/services/sync";
export const submitPath = `${api}/users/alice/tasks`;
export const submitTarget = `${submitPath}?src=/home/gpu1&dst=/scratch`;
export const getPath = (task: string) => `${api}/tasks/${task}`;
export const getTarget = (task: string) => `${getPath(task)}?user_id=alice`;
export const pageTarget = (more = "") => `${submitPath}?limit=100${more}`;

/** The settings of the service in every row: on loopback, with the log of production, without a dispatcher. */
export function serviceSettings(redis: string, scheduler = "http://127.0.0.1:9"): Settings {
  return {
    DMS_REDIS_WRITE_URL: redis,
    DMS_SCHEDULER_BASE_URL: scheduler,
    DMS_EVENT_WORKER_COUNT: "0",
    DMS_LOG_LEVEL: "INFO",
    DMS_LOG_JSON: "true",
    DMS_CLI_DEFAULT_HOST: "127.0.0.1",
    DMS_CLI_DEFAULT_PORT: "0",
  };
}
