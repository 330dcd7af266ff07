import { onTestFinished } from "vitest";
import type { SchedulerLog } from "../../local/development-scheduler/jobs.ts";
import {
  type DevelopmentSchedulerOptions,
  startDevelopmentScheduler,
} from "../../local/development-scheduler/server.ts";
import { createContext, createTaskStore, keys } from "../../task-state/index.ts";
import { parseRecord } from "./record.ts";
import type { TestRedis } from "./redis.ts";
import { until } from "./until.ts";

/** Steps that take longer than any test. */
export const forever = { stepMs: 60_000 };

type Options = Partial<Pick<DevelopmentSchedulerOptions, "stepMs" | "steps" | "port">>;

/** A scheduler on this Redis with jobs of a few milliseconds, stopped after the test by default; its first updates may fail. */
export async function startScheduler(
  redis: TestRedis,
  options: Options = {},
  { failures = 0, log, keep = false }: { failures?: number; log?: SchedulerLog; keep?: boolean } = {},
) {
  const store = createTaskStore(createContext({ primary: redis.client }));
  const warnings: { fields: object; message: string }[] = [];
  let failuresLeft = failures;
  const scheduler = await startDevelopmentScheduler({
    store: {
      ...store,
      update: (...change) =>
        failuresLeft-- > 0 ? Promise.reject(new Error("Connection is closed")) : store.update(...change),
    },
    redis: redis.client,
    log: log ?? { info: () => {}, warn: (fields, message) => warnings.push({ fields, message }) },
    stepMs: 5,
    steps: 4,
    ...options,
  });
  if (!keep) onTestFinished(() => scheduler.stop());

  async function post(path: string, body?: unknown) {
    const init = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: text(body) };
    const response = await fetch(scheduler.url + path, { method: "POST", ...init });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  const read = async (id: string) => {
    const raw = await redis.client.get(keys.record(id));
    return raw === null ? undefined : parseRecord(raw);
  };
  return {
    scheduler,
    store,
    warnings,
    post,
    read,
    messages: async (id: string) => ((await read(id))?.logs ?? []).map((entry) => entry.slice(entry.indexOf(",") + 1)),
    output: async (id: string) => String((await read(id))?.result?.launcher_output ?? "").split("\n"),
    untilStatus: (id: string, status: string) => until(async () => (await read(id))?.status === status),
    submit: async (id: string, change: object = {}) => {
      const record = await read(id);
      const { service, user_id, parameters } = record ?? { service: "sync", user_id: "alice", parameters: {} };
      return post("/task", { task_id: id, service, user_id, parameters, ...change });
    },
    cancel: (id: string, change: object = {}) =>
      post("/cancel", { task_id: id, service: "sync", user_id: "alice", ...change }),
  };
}

function text(body: unknown): string {
  return typeof body === "string" ? body : JSON.stringify(body);
}
