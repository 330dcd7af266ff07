import type { FastifyRequest } from "fastify";
import { traceIdOf } from "../trace-id.ts";
import { traceOf } from "./trace.ts";

/** Fields of each log line of a request, by which it is joined with others; those that do not apply are `undefined`. */
export interface RequestFields {
  readonly request_id: string;
  readonly trace_id: string | undefined;
  /** The task that the path names, or that the answer names. */
  readonly task_id: string | undefined;
  /** The service that the path names. */
  readonly service: string | undefined;
}

/** @param taskId the task that the answer names @default the one of the path */
export function requestFields({ id, headers, params }: FastifyRequest, taskId?: string): RequestFields {
  const { service, task_id } = (params ?? {}) as { service?: string; task_id?: string };
  return { request_id: id, trace_id: traceIdOf(traceOf(headers)), task_id: taskId ?? task_id, service };
}
