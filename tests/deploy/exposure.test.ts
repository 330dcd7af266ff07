import { expect, test } from "vitest";
import help from "../../functions/meta/help.ts";
import listTasks from "../../functions/operator/list-tasks.ts";
import { ConfigError, loadConfig } from "../../shared/config.ts";
import { checkExposure } from "../../shared/runtime/exposure.ts";
import { lambdaHandler } from "../../shared/runtime/lambda.ts";

const strong = "0123456789abcdef";
const config = (token?: string, host?: string) =>
  loadConfig({ ...(token ? { DMS_OPERATOR_TOKEN: token } : {}), ...(host ? { DMS_CLI_DEFAULT_HOST: host } : {}) });

test.each([
  ["no token", undefined],
  ["the default token", "changeme"],
  ["a token of 15 characters", strong.slice(1)],
  ["a short token beside a long one", `${strong},short`],
])("%s is refused where others can reach the operator's endpoints, with what to do", (_, token) => {
  for (const host of [undefined, "0.0.0.0", "::", "192.0.2.1"]) {
    expect(() => checkExposure(config(token, host), [help, listTasks])).toThrow(ConfigError);
    expect(() => checkExposure(config(token, host), [help, listTasks])).toThrow(/DMS_OPERATOR_TOKEN.*16 characters/);
  }
});

test.each(["127.0.0.1", "127.1.2.3", "::1", "localhost"])("any token serves on %s", (host) => {
  expect(() => checkExposure(config("changeme", host), [listTasks])).not.toThrow();
});

test("a process without operator endpoints needs no token", () => {
  expect(() => checkExposure(config(), [help])).not.toThrow();
});

test("a token of 16 characters serves everywhere", () => {
  expect(() => checkExposure(config(strong), [listTasks])).not.toThrow();
});

test("a Lambda handler of an operator endpoint does not load with the default token", () => {
  expect(() => lambdaHandler(listTasks, {})).toThrow(ConfigError);
});
