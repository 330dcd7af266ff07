import { expect, test } from "vitest";
import { ConfigError, loadConfig, variables } from "../../shared/config.ts";

/** The errors of a configuration; none when it is valid. */
function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

test("an empty environment gives every setting its default", () => {
  expect(loadConfig({})).toMatchObject({
    appName: "dms-frontend",
    apiPrefix: "/api/v1",
    redisWriteUrl: "redis://haproxy-redis.dms-redis.svc.cluster.local:6379/0",
    redisReadUrl: "redis://haproxy-redis.dms-redis.svc.cluster.local:6380/0",
    taskTtlSeconds: 7_776_000,
    schedulerBaseUrl: "http://dms-scheduler",
    schedulerTaskEndpoint: "/task",
    schedulerCancelEndpoint: "/cancel",
    operatorTokens: ["changeme"],
    eventWorkerCount: 4,
    requestTimeoutSeconds: 10,
    logLevel: "info",
    logJson: true,
    timeZone: "Asia/Seoul",
    host: "0.0.0.0",
    port: 8000,
    reload: false,
  });
});

test("each setting has the environment variable of its name, and each variable is one setting", () => {
  const names = Object.values(variables).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^(DMS_[A-Z_]+|PORT|K_[A-Z]+)$/);
  expect(Object.keys(loadConfig({})).sort()).toEqual(Object.keys(variables).sort());
});

test("values are taken from the environment, without blanks around them", () => {
  const config = loadConfig({
    DMS_APP_NAME: " front ",
    DMS_API_PREFIX: "/dms/v2/ ",
    DMS_REDIS_TASK_TTL_SECONDS: " 60\n",
    DMS_OPERATOR_TOKEN: "old, new",
    DMS_REQUEST_TIMEOUT_SECONDS: "2.5",
    DMS_LOG_JSON: " No ",
    DMS_TIMEZONE: " Europe/Berlin",
    DMS_CLI_DEFAULT_PORT: "0",
  });
  expect(config).toMatchObject({
    appName: "front",
    apiPrefix: "/dms/v2",
    taskTtlSeconds: 60,
    operatorTokens: ["old", "new"],
    requestTimeoutSeconds: 2.5,
    logJson: false,
    timeZone: "Europe/Berlin",
    port: 0,
  });
});

test("the prefix / puts the API at the root", () => {
  expect(loadConfig({ DMS_API_PREFIX: "/" }).apiPrefix).toBe("");
});

test("the read URL defaults to the write URL when only that is set", () => {
  const write = "rediss://user:secret@redis.example:6380/3";
  expect(loadConfig({ DMS_REDIS_WRITE_URL: write })).toMatchObject({ redisWriteUrl: write, redisReadUrl: write });
  const read = "redis://replica:6379/0";
  expect(loadConfig({ DMS_REDIS_READ_URL: read })).toMatchObject({
    redisWriteUrl: "redis://haproxy-redis.dms-redis.svc.cluster.local:6379/0",
    redisReadUrl: read,
  });
  expect(loadConfig({ DMS_REDIS_WRITE_URL: write, DMS_REDIS_READ_URL: read }).redisReadUrl).toBe(read);
});

test.each([
  ["DEBUG", "debug"],
  ["INFO", "info"],
  ["WARNING", "warn"],
  ["ERROR", "error"],
  ["CRITICAL", "fatal"],
  ["warning", "warn"],
  [" Error ", "error"],
])("the log level %j is the logger's %s", (given, level) => {
  expect(loadConfig({ DMS_LOG_LEVEL: given }).logLevel).toBe(level);
});

test.each([
  ["true", true],
  ["TRUE", true],
  ["1", true],
  ["yes", true],
  ["on", true],
  ["false", false],
  ["False", false],
  ["0", false],
  ["no", false],
  ["off", false],
])("the flag %j is %s", (given, value) => {
  expect(loadConfig({ DMS_LOG_JSON: given, DMS_CLI_RELOAD: given })).toMatchObject({ logJson: value, reload: value });
});

test("all errors are reported together, each with its variable, its value and what is allowed", () => {
  const environment = {
    DMS_APP_NAME: " ",
    DMS_API_PREFIX: "api/v1",
    DMS_REDIS_WRITE_URL: "http://redis",
    DMS_REDIS_READ_URL: "redis.example:6379",
    DMS_REDIS_TASK_TTL_SECONDS: "0",
    DMS_SCHEDULER_BASE_URL: "dms-scheduler",
    DMS_SCHEDULER_TASK_ENDPOINT: "task",
    DMS_SCHEDULER_CANCEL_ENDPOINT: "/cancel?now",
    DMS_OPERATOR_TOKEN: "a,,b",
    DMS_EVENT_WORKER_COUNT: "-1",
    DMS_REQUEST_TIMEOUT_SECONDS: "ten",
    DMS_LOG_LEVEL: "LOUD",
    DMS_LOG_JSON: "maybe",
    DMS_TIMEZONE: "Mars/Olympus",
    DMS_CLI_DEFAULT_PORT: "65536",
  };
  const faults = faultsOf(environment);
  expect(faults.map((fault) => fault.slice(0, fault.indexOf("=")))).toEqual(Object.keys(environment));
  expect(faults).toContain('DMS_REDIS_TASK_TTL_SECONDS="0": must be a whole number at least 1');
  expect(faults).toContain('DMS_CLI_DEFAULT_PORT="65536": must be a whole number from 0 to 65535');
  expect(faults).toContain('DMS_LOG_LEVEL="LOUD": must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL');
  for (const fault of faults) expect(fault).toMatch(/^DMS_\w+=".*": must /);
  expect(() => loadConfig(environment)).toThrow(/has 15 errors:\n( {2}DMS_.*\n){14} {2}DMS_.*$/);
  expect(() => loadConfig({ DMS_LOG_LEVEL: "LOUD" })).toThrow(/^The configuration has an error:\n {2}DMS_LOG_LEVEL=/);
});

test.each([
  [
    "DMS_EVENT_WORKER_COUNT",
    ["", "abc", "1.5", "1e3", "0x10", "+4", "-0", "1,000", "NaN", "Infinity", "4 4", "9".repeat(30)],
  ],
  ["DMS_REQUEST_TIMEOUT_SECONDS", ["", "ten", "0", "0.01", "601", "1e1", ".5", "5.", "-1", "Infinity", "1,5"]],
  ["DMS_CLI_DEFAULT_PORT", ["", "abc", "-1", "65536", "80.0", "http"]],
  ["DMS_LOG_JSON", ["", "maybe", "2", "null", "truee"]],
  ["DMS_LOG_LEVEL", ["", "LOUD", "20", "INFO,DEBUG", "__proto__"]],
  ["DMS_TIMEZONE", ["", "Mars/Olympus", "Asia", "Asia/Seoul;UTC", "GMT+99"]],
  ["DMS_API_PREFIX", ["", "api", "/a b", "/a?b", "/a#b", "/{id}", "/:id", "/*"]],
  ["DMS_REDIS_READ_URL", ["", "localhost", "localhost:6379", "http://localhost", "redis://", "redis:", "//localhost"]],
  ["DMS_SCHEDULER_BASE_URL", ["", "dms-scheduler", "redis://x", "http://", "ftp://x", "/task"]],
  ["DMS_OPERATOR_TOKEN", ["", " ", ",", "a,", "a,,b"]],
])("%s takes none of %j", (name, values) => {
  for (const value of values) expect(faultsOf({ [name]: value }), value).toEqual([expect.stringContaining(`${name}=`)]);
});

test("a first delay that exceeds the longest delay is an error", () => {
  const environment = { DMS_DISPATCH_MIN_BACKOFF_SECONDS: "5", DMS_DISPATCH_MAX_BACKOFF_SECONDS: "1" };
  expect(faultsOf(environment)).toEqual([
    expect.stringMatching(/^DMS_DISPATCH_MIN_BACKOFF_SECONDS=5: must not exceed/),
  ]);
});

test("an invalid write URL is one error, because the read URL is not set", () => {
  expect(faultsOf({ DMS_REDIS_WRITE_URL: "localhost" })).toEqual([expect.stringContaining("DMS_REDIS_WRITE_URL=")]);
});

test("operator tokens do not appear in errors", () => {
  const [fault] = faultsOf({ DMS_OPERATOR_TOKEN: "hunter2,,hunter3" });
  expect(fault).toMatch(/^DMS_OPERATOR_TOKEN="\*\*\*": must be/);
});

test.each([
  "http://user:hunter2@redis:6379",
  "https://:hunter2@redis",
  "redis://:hunter2@",
  "redis://user:hunter2@:6379",
  "redis://user:hun#ter2@redis:port",
  "redis://user:hunter2@redis:99999",
  "user:hunter2@redis:6379",
  "//user:hunter2@redis",
  ":hunter2@redis",
  "redis:/:hunter2@redis:6379",
  "redis:user:hunter2@redis:6379",
  "redis:user:hunt@er2@redis:6379",
])("the password of the Redis URL %j does not appear in errors", (url) => {
  const faults = faultsOf({ DMS_REDIS_WRITE_URL: url, DMS_REDIS_READ_URL: url });
  expect(faults).toHaveLength(2);
  expect(faults.join("\n")).not.toMatch(/hun|ter2|er2@/);
  expect(faults.join("\n")).toContain("***");
});
