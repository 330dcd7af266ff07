import type { FastifyInstance, FastifyReply } from "fastify";
import type { Redis } from "ioredis";
import type { z } from "zod";
import { keys, readRecord as parse, type TaskRecord, type TaskStore } from "../../task-state/index.ts";
import type { Blocks } from "./blocks.ts";
import type { Jobs } from "./jobs.ts";
import { cancelBody, hasIdentityOf, mismatch, submitBody } from "./requests.ts";

interface Parts {
  readonly store: TaskStore;
  readonly redis: Redis;
  readonly jobs: Jobs;
  readonly blocks: Blocks;
}

/** Adds the endpoints of the scheduler, the two task endpoints under both their old and their current path. */
export function addRoutes(app: FastifyInstance, parts: Parts): void {
  for (const prefix of ["", "/tasks"]) {
    app.post(`${prefix}/task`, ({ body }, reply) => submit(parts, submitBody.parse(body), reply));
    app.post(`${prefix}/cancel`, ({ body }, reply) => cancel(parts, cancelBody.parse(body), reply));
  }
  for (const [verb, blocked] of [["block", true] as const, ["enable", false] as const]) {
    app.post(`/tasks/${verb}`, async () => {
      await parts.blocks.setAll(blocked);
      return { blocked };
    });
    app.post<{ Params: { user: string } }>(`/tasks/users/:user/${verb}`, async ({ params: { user } }) => {
      await parts.blocks.setUser(user, blocked);
      return { user_id: user, blocked };
    });
  }
  app.get("/healthz", async () => {
    await parts.redis.ping();
    return { status: "ok" };
  });
}

async function submit({ store, redis, jobs, blocks }: Parts, body: z.infer<typeof submitBody>, reply: FastifyReply) {
  const { task_id } = body;
  if (await blocks.isBlocked(body.user_id)) return reply.code(403).send({ detail: "Requests are blocked" });
  const record = await readRecord(redis, task_id);
  if (!record) return notFound(reply, task_id);
  const detail = mismatch(record, body);
  if (detail !== undefined) {
    await store.update(task_id, { status: "failed", logs: [detail], active_jobs: [] });
    return reply.code(400).send({ detail });
  }
  if ((await jobs.start(record)) === "not_found") return notFound(reply, task_id);
  return reply.code(202).send({ task_id, status: "dispatching" });
}

async function cancel({ redis, jobs }: Parts, body: z.infer<typeof cancelBody>, reply: FastifyReply) {
  const { task_id } = body;
  const record = await readRecord(redis, task_id);
  if (!record) return notFound(reply, task_id);
  if (!hasIdentityOf(record, body)) {
    return reply.code(403).send({ detail: `Service or user of task ${task_id} does not match its record` });
  }
  const status = (await jobs.cancel(task_id)) ? "cancelled" : "cancel_requested";
  return reply.code(202).send({ task_id, status });
}

/** Reads without the store, which hides deleted tasks whose cancellation the scheduler has not confirmed yet. */
async function readRecord(redis: Redis, id: string): Promise<TaskRecord | undefined> {
  const raw = await redis.get(keys.record(id));
  const reading = raw === null ? undefined : parse(id, raw);
  return reading?.kind === "record" ? reading.record : undefined;
}

function notFound(reply: FastifyReply, id: string): FastifyReply {
  return reply.code(404).send({ detail: `Task ${id} not found in shared store` });
}
