import { z } from "zod";

const milliseconds = z.number().min(0);

/** How the scheduler behaves; `POST /control/settings` changes any of it. */
export const settingsSchema = z.object({
  redisUrl: z.string(),
  /** Where a submission looks whether its task exists; a replica that lags answers 404. @default the same Redis */
  lookupUrl: z.string().optional(),
  /** Decides delays and probabilities. */
  seed: z.number().int(),
  /** Time between reading a record and writing it back whole: at least and at most. */
  writeDelay: z.tuple([milliseconds, milliseconds]).default([0, 20]),
  /** Time from accepting a task to starting its job. */
  startDelay: milliseconds.default(10),
  /** Time between two writes of a job's result; a task's parameter `refresh` has precedence. */
  refresh: milliseconds.default(40),
  /** How long a job takes; a task's parameter `ms` has precedence. */
  jobTime: milliseconds.default(60),
  /**
   * `talks`: the record shows the acceptance before the answer, then every step. The others answer and write nothing; for
   * `later` one write of the whole record shows the end, for `never` none does, and its jobs never end.
   */
  silence: z.enum(["talks", "later", "never"]).default("talks"),
});
export type Settings = z.infer<typeof settingsSchema>;

/** A fault that meets requests: with its probability, at most `count` times, of one user only where one is named. */
export const faultSchema = z.object({
  /**
   * `hang` never answers; `reset` breaks the connection; `status` answers with it; `late` answers `ms` late. The others
   * write an answer of this status byte for byte: `drip` its body slowly, `cut` breaks it off at `part`, `inform` sends
   * 100 and 103 in pieces before it, `huge` has a body of megabytes.
   */
  kind: z.enum(["hang", "reset", "status", "late", "drip", "cut", "inform", "huge"]),
  /** Where a cut answer ends: before its status line, behind it, within its headers, within its body. */
  part: z.enum(["before", "line", "headers", "body"]).default("before"),
  /** What the report counts it as. @default its kind */
  name: z.string().optional(),
  on: z.enum(["submit", "cancel"]).default("submit"),
  /** True: the request is carried out before the fault strikes. */
  taken: z.boolean().default(false),
  status: z.number().int().default(500),
  detail: z.string().default("fault"),
  retryAfter: z.string().optional(),
  ms: milliseconds.default(0),
  probability: z.number().min(0).max(1).default(1),
  count: z.number().int().optional(),
  user: z.string().optional(),
});
export type Fault = z.infer<typeof faultSchema>;

/** What harms a transfer; each was measured on the running scheduler. */
export const harms = [
  /** A submission of a task that runs: the duplicate's clean-up deletes the first run's job. */
  "second_submission",
  /** A submission of a task that has ended: it is executed again. */
  "execution_after_end",
  /** A submission of a task whose cancellation was asked for. */
  "revival",
  /** Somebody else wrote a status over a running record that makes the scheduler abort the task. */
  "abort",
  /** A job whose record had disappeared before any cancel arrived. */
  "orphan",
  /** Such a job has written its record back. */
  "resurrection",
] as const;
export type Harm = (typeof harms)[number];

/** How a run ended; `deleted`: by the clean-up of its duplicate. */
export const endings = ["completed", "cancelled", "deleted", "aborted", "orphaned", "forgotten"] as const;
export type Ending = (typeof endings)[number];

/** A submission that has arrived. Times in ms since the epoch. */
export const submissionSchema = z.object({
  at: z.number(),
  /** Requests under way at its arrival, itself included. */
  concurrent: z.number(),
  /** What the submission said of the task. */
  parameters: z.record(z.string(), z.string()).optional(),
  /** True when it has started a job. */
  executed: z.boolean().optional(),
  /** The status line that was sent, and when; and whether all headers followed it. */
  status: z.number().optional(),
  statusAt: z.number().optional(),
  headed: z.boolean().optional(),
  /** The refusal's reason that was sent with it. */
  detail: z.string().optional(),
});
export type SubmissionEntry = z.infer<typeof submissionSchema>;

const byTask = <T extends z.ZodType>(value: T) => z.record(z.string(), value);

/** `GET /control/report`: everything since the start, by task id. */
export const reportSchema = z.object({
  /** How often a task was executed. */
  executions: byTask(z.number()),
  endings: byTask(z.array(z.enum(endings))),
  submissions: byTask(z.array(submissionSchema)),
  cancels: byTask(z.array(z.object({ at: z.number(), status: z.number() }))),
  harm: z.record(z.enum(harms), z.number()),
  /** Each harm with its task and what was seen. */
  harmed: z.array(z.object({ harm: z.enum(harms), id: z.string(), seen: z.string(), at: z.number() })),
  /** Writes of ended runs that have put a deleted record back. */
  lateWrites: z.array(z.string()),
  /** Requests that each fault has met, by its name. */
  met: z.record(z.string(), z.number()),
});
export type Report = z.infer<typeof reportSchema>;

/** `GET /control/state`: what is under way now. */
export const stateSchema = z.object({ requests: z.number(), jobs: z.array(z.string()), writes: z.number() });
export type State = z.infer<typeof stateSchema>;

/** The first line that the process prints. */
export const bannerSchema = z.object({ address: z.string(), control: z.string() });
