import { z } from "zod";
import type { RecordChange, Status, TaskRecord } from "../../task-state/index.ts";
import { launcherOutput, type Pace } from "./progress.ts";

/** The job of a task, as stored across restarts. */
export interface Job {
  readonly taskId: string;
  readonly service: string;
  /** The reason with which the job will fail halfway; absent when it will succeed. */
  readonly failure?: string | undefined;
  /** The next step to record: 0 accepts the task, the last step ends it. */
  readonly step: number;
}

const jobSchema = z.object({
  taskId: z.string(),
  service: z.string(),
  failure: z.string().optional(),
  step: z.int().min(0),
});

/** The job of a submitted task. A parameter `fail` makes it fail with its value as the reason. */
export function newJob({ task_id, service, parameters }: TaskRecord): Job {
  const failure = Object.hasOwn(parameters, "fail") ? parameters.fail || "failed as its parameters ask" : undefined;
  return { taskId: task_id, service, failure, step: 0 };
}

/** Parses a job from JSON; `undefined` for anything else. */
export function parseJob(text: string): Job | undefined {
  try {
    return jobSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The change of the task's record by the current step of its job. */
export function changeOf(job: Job, pace: Pace): RecordChange & { readonly status: Status } {
  const { taskId, service, failure, step } = job;
  const output = launcherOutput(service, step, pace);
  const result = { pod_status: null, launcher_output: output };
  if (step === 0) {
    return { status: "running", logs: ["Task accepted by scheduler"], active_jobs: [`${service}-${taskId}`], result };
  }
  if (failure !== undefined && step >= pace.steps / 2) {
    return {
      status: "failed",
      logs: [`Task failed: ${failure}`],
      active_jobs: [],
      result: { ...result, launcher_output: `${output}\nERROR: ${failure}` },
    };
  }
  if (step >= pace.steps) return { status: "completed", logs: ["Task completed"], active_jobs: [], result };
  return { status: "running", result };
}
