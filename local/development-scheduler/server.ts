import Fastify, { type FastifyInstance } from "fastify";
import type { Redis } from "ioredis";
import { z } from "zod";
import { maxIdentityBytes, type TaskStore } from "../../task-state/index.ts";
import { createBlocks } from "./blocks.ts";
import { createJobs, type SchedulerLog } from "./jobs.ts";
import { addRoutes } from "./routes.ts";

export interface DevelopmentSchedulerOptions {
  /** The store that changes records. */
  readonly store: TaskStore;
  /** The primary of the store; it also stores blocks and jobs. The caller closes it. */
  readonly redis: Redis;
  readonly log: SchedulerLog;
  /** @default a free one */
  readonly port?: number;
  /** Time between two steps of a job. @default 1000 */
  readonly stepMs?: number;
  /** Number of steps of a job. @default 8 @minimum 1 */
  readonly steps?: number;
}

export interface DevelopmentScheduler {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Stops server and timers at once; jobs continue with the next start. Tolerates being called twice. */
  stop(): Promise<void>;
}

/**
 * Starts a stand-in for the scheduler on loopback that moves no data: it accepts tasks and writes their progress into
 * their records as the real one does, except that it never executes a repeated submission. It must be the only scheduler
 * on its Redis.
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
    // A task parameter may be named `__proto__`.
    onProtoPoisoning: "ignore",
    routerOptions: { maxParamLength: maxIdentityBytes },
  });
  app.setErrorHandler((error, _request, reply) => {
    const status = statusOf(error);
    if (status === 500) log.warn({ error: String(error) }, "scheduler request failed");
    return reply.code(status).send({ detail: detailOf(error) });
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ detail: "Not Found" }));
  return app;
}

/** Any malformed body is a 422, as with the real scheduler. */
function statusOf(error: unknown): number {
  if (error instanceof z.ZodError) return 422;
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" && status < 500 ? 422 : 500;
}

function detailOf(error: unknown): string {
  if (error instanceof z.ZodError) return z.prettifyError(error);
  return error instanceof Error ? error.message : String(error);
}
