import * as z from "zod";
import { identityFault, mayNameTask } from "../../task-state/index.ts";

/** A service or user id; one that could make two index keys collide is rejected. */
function identity(kind: "service" | "user") {
  return z.string({ error: "is required" }).superRefine((value, context) => {
    const message = identityFault(kind, value);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
}

export const service = identity("service");
export const user = identity("user");

/** Any text: an id that cannot exist is not found. */
export const taskId = z.string();

/** Tasks on a page, 1–1000; absent: the whole list. */
export const limit = z
  .string()
  .regex(/^\d{1,4}$/, "must be a whole number from 1 to 1000")
  .transform(Number)
  .refine((value) => value >= 1 && value <= 1000, "must be a whole number from 1 to 1000")
  .optional();

/** The `next_cursor` of the previous page. */
export const cursor = z.string().refine(mayNameTask, "must be the next_cursor of an earlier page").optional();

/** The `next_cursor` of the previous page of dead letters: a time and the name of a letter. */
export const deadLetterCursor = z
  .string()
  .refine((text) => {
    const [, name] = /^\d{1,16}:(.+)$/s.exec(text) ?? [];
    return name !== undefined && mayNameTask(name);
  }, "must be the next_cursor of an earlier page")
  .optional();

/** By task id. */
export const order = z.enum(["asc", "desc"], { error: "must be asc or desc" }).optional();
