import { traceIdOf } from "../../../../shared/trace-id.ts";
import type { View } from "../../../../task-state/index.ts";

/**
 * Fields of each log line about a task, by which it is joined with the lines of the request that submitted it. Tasks of other
 * programs and of earlier versions lack the request, and those without a `traceparent` the trace.
 */
export function taskFields({ id, record, sidecar }: View) {
  return {
    task_id: id,
    service: sidecar?.service ?? record?.service,
    request_id: sidecar?.request,
    trace_id: traceIdOf(sidecar?.trace),
  };
}
