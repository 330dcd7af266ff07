import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import type { TaskRecord } from "../../task-state/index.ts";

const identity = { task_id: z.string(), service: z.string(), user_id: z.string() };

/** Body of a cancel. */
export const cancelBody = z.object(identity);

/** Body of a submission. */
export const submitBody = z.object({
  ...identity,
  // Not `z.record`, which omits a parameter named `__proto__`.
  parameters: z.custom<Readonly<Record<string, string>>>(isRecordOfStrings, "must be an object of strings"),
});

/** True when a request has the same owner as the record. */
export function hasIdentityOf(record: TaskRecord, body: z.infer<typeof cancelBody>): boolean {
  return body.service === record.service && body.user_id === record.user_id;
}

/** The mismatch between a submission and its record; `undefined` when they match. */
export function mismatch(record: TaskRecord, body: z.infer<typeof submitBody>): string | undefined {
  if (!hasIdentityOf(record, body)) return `Service or user of task ${body.task_id} does not match its record`;
  if (!isDeepStrictEqual(body.parameters, record.parameters)) {
    return `Parameters of task ${body.task_id} do not match its record`;
  }
  return undefined;
}

function isRecordOfStrings(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((entry) => typeof entry === "string");
}
