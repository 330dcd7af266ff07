import {
  createExpress,
  type Express,
  type TaskRecord,
  type TaskStateContext,
  type View,
} from "../../../../task-state/index.ts";
import type { Policy } from "../limits/policy.ts";
import { beginSubmission, settleSubmission } from "./settle.ts";
import { letGo } from "./store-outcome.ts";

/** The short way of a task that is submitted and accepted while nobody else touches it. */
export function expressWay(context: TaskStateContext, policy: Policy): Express {
  const nobody = { task_id: "", service: "", user_id: "", parameters: {}, created_at: "", updated_at: "" };
  const viewOf = (status: TaskRecord["status"]): View => {
    return { id: "", raw: null, record: { ...nobody, status }, sidecar: undefined, deleted: false, now: 0, watched: 0 };
  };
  const { change } = settleSubmission(viewOf("dispatching"), { kind: "accepted" }, policy);
  return createExpress(context, beginSubmission(viewOf("pending"), policy), {
    ...change,
    sidecar: { ...change.sidecar, ...letGo },
  });
}
