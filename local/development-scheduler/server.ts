import Fastify, { type FastifyInstance } from "fastify";
import type { Redis } from "ioredis";
import { z } from "zod";
import { maxIdentityBytes, type TaskStore } from "../../task-state/index.ts";
import { createBlocks } from "./blocks.ts";
import { createJobs, type SchedulerLog } from "./jobs.ts";
import { addRoutes } from "./routes.ts";

export interface DevelopmentSchedulerOptions {
  /** Where records are changed. */
  readonly store: TaskStore;
  /** The primary that the store stands on; blocks and jobs are kept there. Stays the caller's to close. */
  readonly redis: Redis;
  readonly log: SchedulerLog;
  /** @default a free one */
  readonly port?: number;
  /** Time between two steps of a job. @default 1000 */
  readonly stepMs?: number;
  /** How many steps a job takes. @default 8 @minimum 1 */
  readonly steps?: number;
}

export interface DevelopmentScheduler {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Ends server and timers at once; jobs go on with the next start. Tolerates being called twice. */
  stop(): Promise<void>;
}

/**
 * Starts a stand-in for the scheduler on loopback that moves nothing: it accepts tasks and writes their progress into
 * their records as the real one does, only that a repeated submission is never executed again. It expects to be the
 * only one on its Redis.
 */
export async function startDevelopmentScheduler({
  store,
  redis,
  log,
  port = 0,
  stepMs = 1000,
  steps = 8,
}: DevelopmentSchedulerOptions): Promise<DevelopmentScheduler> {
  const jobs = createJobs({ store, redis, log, steps, stepMs });
  const app = createServer(log);
  addRoutes(app, { store, redis, jobs, blocks: createBlocks(redis) });
  const stop = async () => {
    await Promise.all([app.close(), jobs.stop()]);
  };
  try {
    // Before the first request, so that a repeated submission finds its job.
    await jobs.resume();
    return { url: await app.listen({ host: "127.0.0.1", port }), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function createServer(log: SchedulerLog): FastifyInstance {
  const app = Fastify({
    forceCloseConnections: true,
    // A task's parameter may be called `__proto__`.
    onProtoPoisoning: "ignore",
    routerOptions: { maxParamLength: maxIdentityBytes },
  });
  app.setErrorHandler((error, _request, reply) => {
    const status = statusOf(error);
    if (status === 500) log.warn({ error: String(error) }, "a request failed");
    return reply.code(status).send({ detail: detailOf(error) });
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ detail: "Not Found" }));
  return app;
}

/** Any body that cannot be read is a 422, as the real one answers. */
function statusOf(error: unknown): number {
  if (error instanceof z.ZodError) return 422;
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" && status < 500 ? 422 : 500;
}

function detailOf(error: unknown): string {
  if (error instanceof z.ZodError) return z.prettifyError(error);
  return error instanceof Error ? error.message : String(error);
}
