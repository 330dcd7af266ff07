import { z } from "zod";
import type { Operation } from "./history.ts";

const shown = z.looseObject({
  task_id: z.string(),
  service: z.string(),
  user_id: z.string(),
  status: z.string(),
  parameters: z.record(z.string(), z.string()),
});
/** A task as an answer or a record shows it. */
export type Shown = z.infer<typeof shown>;

const one = z.object({ task: shown });
const many = z.object({ tasks: z.array(shown) });
const acceptance = z.object({ task_id: z.string(), status: z.literal("pending") });

/** The id that a 202 gives; `undefined` when it gives none. */
export function acceptedId({ body }: Pick<Operation, "body">): string | undefined {
  return acceptance.safeParse(body).data?.task_id;
}

/** The task in the answer to a request for one. */
export function shownTask({ body }: Operation): Shown | undefined {
  return one.safeParse(body).data?.task;
}

/** The tasks in the answer to a request for a list. */
export function shownTasks({ body }: Operation): Shown[] | undefined {
  return many.safeParse(body).data?.tasks;
}

/** A record's text; `undefined` when it is none. */
export function shownRecord(text: string): Shown | undefined {
  try {
    return shown.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const endings = new Set(["completed", "failed", "cancelled"]);

export function isEnded(status: string): boolean {
  return endings.has(status);
}

/** True when both hold the same names and values. */
export function isSame(
  one: Readonly<Record<string, string>> | undefined,
  other: Readonly<Record<string, string>>,
): boolean {
  const names = Object.keys(one ?? {});
  return names.length === Object.keys(other).length && names.every((name) => one?.[name] === other[name]);
}
