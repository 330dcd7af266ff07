import * as z from "zod";
import {
  faultText,
  flag,
  level,
  list,
  number,
  optionalText,
  optionalTokens,
  optionalUrl,
  origins,
  redisUrl,
  schedulerUrl,
  text,
  timeZone,
  urlPath,
  type Variable,
} from "./variable.ts";

const clusterRedis = "redis://haproxy-redis.dms-redis.svc.cluster.local";

/** Every setting with its environment variable, default and meaning. A test compares the documented table with this one. */
export const variables = {
  appName: text("DMS_APP_NAME", "dms-frontend", "name in metadata and logs"),
  apiPrefix: urlPath("DMS_API_PREFIX", "/api/v1", "root of the API"),
  redisWriteUrl: redisUrl("DMS_REDIS_WRITE_URL", `${clusterRedis}:6379/0`, "primary Redis; takes every write"),
  redisReadUrl: redisUrl(
    "DMS_REDIS_READ_URL",
    `${clusterRedis}:6380/0`,
    "replica for reads that may lag; defaults to the write URL when only that is set",
  ),
  taskTtlSeconds: number(
    "DMS_REDIS_TASK_TTL_SECONDS",
    7_776_000,
    { minimum: 1, integer: true },
    "time to live of task data and indexes, counted from the last write",
  ),
  idempotencyTtlSeconds: number(
    "DMS_IDEMPOTENCY_TTL_SECONDS",
    86_400,
    { minimum: 1, integer: true },
    "how long the Idempotency-Key of a submission is kept",
  ),
  schedulerBaseUrl: schedulerUrl("DMS_SCHEDULER_BASE_URL", "http://dms-scheduler", "base URL of the scheduler"),
  schedulerTaskEndpoint: urlPath("DMS_SCHEDULER_TASK_ENDPOINT", "/task", "the scheduler's path for submissions"),
  schedulerCancelEndpoint: urlPath(
    "DMS_SCHEDULER_CANCEL_ENDPOINT",
    "/cancel",
    "the scheduler's path for cancellations",
  ),
  operatorTokens: list(
    "DMS_OPERATOR_TOKEN",
    "changeme",
    "operator token, or several separated by commas during a rotation",
  ),
  eventWorkerCount: number(
    "DMS_EVENT_WORKER_COUNT",
    4,
    { minimum: 0, maximum: 1024, integer: true },
    "concurrency of one dispatcher, including outcomes that Redis has not stored yet; 0: the local server runs without a dispatcher",
  ),
  requestTimeoutSeconds: number(
    "DMS_REQUEST_TIMEOUT_SECONDS",
    10,
    { minimum: 0.05, maximum: 600 },
    "timeout of a request to the scheduler, from connecting to the last byte; a lease lasts twice as long plus 1 to 5 s",
  ),
  dispatchGraceSeconds: number(
    "DMS_DISPATCH_GRACE_SECONDS",
    5,
    { minimum: 0, maximum: 600 },
    "delay before the record is re-checked after a submission with an unknown outcome, or after the leases of a dead dispatcher expire",
  ),
  dispatchMaxAttempts: number(
    "DMS_DISPATCH_MAX_ATTEMPTS",
    20,
    { minimum: 1, maximum: 1000, integer: true },
    "attempts before a task fails, or its cancellation is dead-lettered",
  ),
  dispatchMinBackoffSeconds: number(
    "DMS_DISPATCH_MIN_BACKOFF_SECONDS",
    0.5,
    { minimum: 0.01, maximum: 600 },
    "first delay between attempts; doubles with each attempt, with full jitter",
  ),
  dispatchMaxBackoffSeconds: number(
    "DMS_DISPATCH_MAX_BACKOFF_SECONDS",
    60,
    { minimum: 0.01, maximum: 3600 },
    "longest delay between attempts",
  ),
  dispatchMaxAgeSeconds: number(
    "DMS_DISPATCH_MAX_AGE_SECONDS",
    0,
    { minimum: 0 },
    "age at which a task that could not be submitted fails; 0: no limit",
  ),
  dispatchMaxInFlight: number(
    "DMS_DISPATCH_MAX_IN_FLIGHT",
    0,
    { minimum: 0, integer: true },
    "submissions in flight across all dispatchers; 0: no limit",
  ),
  dispatchMaxInFlightPerUser: number(
    "DMS_DISPATCH_MAX_IN_FLIGHT_PER_USER",
    0,
    { minimum: 0, integer: true },
    "submissions in flight per user, capped at `DMS_EVENT_WORKER_COUNT` - 1 and at least 1; 0: no limit",
  ),
  dispatchRatePerSecond: number(
    "DMS_DISPATCH_RATE_PER_SECOND",
    0,
    { minimum: 0 },
    "submissions per second across all dispatchers; 0: no limit",
  ),
  redisWaitReplicas: number(
    "DMS_REDIS_WAIT_REPLICAS",
    0,
    { minimum: 0, maximum: 100, integer: true },
    "replicas that must acknowledge a task before its submission is answered with 202; 0: none",
  ),
  shutdownGraceSeconds: number(
    "DMS_SHUTDOWN_GRACE_SECONDS",
    10,
    { minimum: 0, maximum: 600 },
    "time after SIGTERM to finish work in flight and to store its outcomes",
  ),
  janitorIntervalSeconds: number(
    "DMS_JANITOR_INTERVAL_SECONDS",
    600,
    { minimum: 1, maximum: 86_400 },
    "time between two sweeps of the janitor in the local server",
  ),
  logLevel: level("DMS_LOG_LEVEL", "INFO", "minimum log level"),
  logJson: flag("DMS_LOG_JSON", true, "log as JSON lines; false: human-readable text"),
  timeZone: timeZone("DMS_TIMEZONE", "Asia/Seoul", "IANA time zone of the times in records"),
  drainBudgetSeconds: number(
    "DMS_DRAIN_BUDGET_SECONDS",
    25,
    { minimum: 0.1, maximum: 600 },
    "longest time that a triggered dispatcher works before it answers; on Lambda also limited by the remaining time of the invocation",
  ),
  dispatcherUrl: optionalUrl(
    "DMS_DISPATCHER_URL",
    "URL of the wake-up call to the dispatcher after a submission; unset: a schedule or a resident dispatcher finds the task",
  ),
  wakeUpTokens: optionalTokens(
    "DMS_WAKE_UP_TOKEN",
    "token without which dispatcher and janitor refuse a wake-up call, or several during a rotation, the first of which is sent; unset: any call",
  ),
  deployment: optionalText(
    "DMS_DEPLOYMENT",
    "name of this deployment, the same in all its processes; another deployment in its Redis database is reported; unset: not checked",
  ),
  corsOrigins: origins(
    "DMS_CORS_ORIGINS",
    "web origins that may call the API from a browser, separated by commas; *: any",
  ),
  host: text("DMS_CLI_DEFAULT_HOST", "0.0.0.0", "address on which a server listens"),
  port: number(
    "DMS_CLI_DEFAULT_PORT",
    8000,
    { minimum: 0, maximum: 65_535, integer: true },
    "port of the local server; 0: a free one",
  ),
  functionPort: number(
    "PORT",
    8080,
    { minimum: 0, maximum: 65_535, integer: true },
    "port of a function's server, set by Knative; 0: a free one",
  ),
  knativeService: optionalText("K_SERVICE", "name of the Knative Service, set by Knative; appears in the logs"),
  knativeRevision: optionalText("K_REVISION", "revision of the Knative Service, set by Knative; appears in the logs"),
  reload: flag("DMS_CLI_RELOAD", false, "restart the local server when a source file changes"),
} as const;

type Table = typeof variables;

/** The checked settings by name. */
export type Config = { readonly [Name in keyof Table]: Table[Name] extends Variable<infer Value> ? Value : never };

/** All errors of a configuration together, one line each; secrets are masked. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length === 1 ? "an error" : `${faults.length} errors`}:\n${faults.map((fault) => `  ${fault}`).join("\n")}`,
    );
    this.name = "ConfigError";
    this.faults = faults;
  }
}

/** Environment variables, as a process or a handler is given them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration from environment variables; unset ones get their defaults.
 * @throws ConfigError with every error
 */
export function loadConfig(environment: Environment): Config {
  const faults: string[] = [];
  const settings: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries<Variable<unknown>>(variables)) {
    const given = environment[variable.name] ?? impliedBy(variable.name, environment);
    const parsed = variable.schema.safeParse(given ?? variable.default);
    if (parsed.success) settings[name] = parsed.data;
    else if (environment[variable.name] !== undefined || given === undefined)
      faults.push(faultText(variable, given ?? variable.default, parsed.error));
  }
  faults.push(...contradictions(settings));
  if (faults.length > 0) throw new ConfigError(faults);
  return settings as Config;
}

function impliedBy(name: string, environment: Environment): string | undefined {
  return name === variables.redisReadUrl.name ? environment[variables.redisWriteUrl.name] : undefined;
}

const backoff = z.object({ dispatchMinBackoffSeconds: z.number(), dispatchMaxBackoffSeconds: z.number() });

function contradictions(settings: Record<string, unknown>): string[] {
  const { data } = backoff.safeParse(settings);
  if (!data || data.dispatchMinBackoffSeconds <= data.dispatchMaxBackoffSeconds) return [];
  const [minimum, maximum] = [variables.dispatchMinBackoffSeconds.name, variables.dispatchMaxBackoffSeconds.name];
  return [`${minimum}=${data.dispatchMinBackoffSeconds}: must not exceed ${maximum}=${data.dispatchMaxBackoffSeconds}`];
}
