import { Worker } from "bullmq";
import { createSchedulerClient } from "../../functions/background/dispatcher/index.ts";
import { loadConfig } from "../../shared/config.ts";
import type { TaskRecord } from "../../task-state/index.ts";
import { serve } from "./serve.ts";
import { startAndStop } from "./start-and-stop.ts";

/** A BullMQ worker that sends the same request with the same client. Questions: `start`, `stop`. */
await serve(async (settings) => {
  const config = loadConfig(settings);
  const client = createSchedulerClient(config, config.eventWorkerCount);
  const { signal } = new AbortController();
  return startAndStop(() => {
    const worker = new Worker<TaskRecord>(
      settings.queue ?? "",
      async ({ data }) => {
        const outcome = await client.submit(data, signal);
        if (outcome.kind !== "accepted") throw new Error(outcome.kind);
      },
      { connection: { url: config.redisWriteUrl }, concurrency: config.eventWorkerCount },
    );
    return () => worker.close();
  });
});
