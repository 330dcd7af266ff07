import {
  createFastPath,
  type FastPath,
  type TaskRecord,
  type TaskStateContext,
  type View,
} from "../../../../task-state/index.ts";
import type { Policy } from "../limits/policy.ts";
import { beginSubmission, settleSubmission } from "./settle.ts";
import { releaseLease } from "./store-outcome.ts";

/** The fast path of a task that is submitted and accepted while no other writer changes it. */
export function createSubmissionFastPath(context: TaskStateContext, policy: Policy): FastPath {
  const nobody = { task_id: "", service: "", user_id: "", parameters: {}, created_at: "", updated_at: "" };
  const viewOf = (status: TaskRecord["status"]): View => {
    return { id: "", raw: null, record: { ...nobody, status }, sidecar: undefined, deleted: false, now: 0, watched: 0 };
  };
  const { change } = settleSubmission(viewOf("dispatching"), { kind: "accepted" }, policy);
  return createFastPath(context, beginSubmission(viewOf("pending"), policy), {
    ...change,
    sidecar: { ...change.sidecar, ...releaseLease },
  });
}
