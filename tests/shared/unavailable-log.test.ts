import { expect, test } from "vitest";
import { createUnavailableLog } from "../../shared/http/unavailable.ts";
import { createLogger } from "../../shared/logger.ts";
import { until } from "../support/until.ts";

interface Line {
  readonly kind: string;
  readonly cause: string;
  readonly request_id: string;
  readonly count: number;
}

function open(intervalMs: number) {
  const lines: Line[] = [];
  const log = createLogger({ appName: "test", logLevel: "debug" }, { write: (line) => lines.push(JSON.parse(line)) });
  return { lines, report: createUnavailableLog(log, intervalMs) };
}

const named = (request_id: string) => ({ request_id, trace_id: undefined, task_id: undefined, service: undefined });

test("the first request of each kind and error code is logged at once, further ones are not", () => {
  const { lines, report } = open(60_000);
  for (let request = 1; request <= 3; request += 1) {
    report({ kind: "refused", cause: "OOM command not allowed", fields: named(`a${request}`) });
    report({ kind: "refused", cause: "READONLY You can't write", fields: named(`b${request}`) });
    report({ kind: "unreachable", cause: "Stream isn't writeable", fields: named(`c${request}`) });
  }
  expect(lines).toMatchObject([
    { level: "warn", kind: "refused", cause: "OOM command not allowed", request_id: "a1", count: 1 },
    { level: "warn", kind: "refused", cause: "READONLY You can't write", request_id: "b1", count: 1 },
    { level: "warn", kind: "unreachable", cause: "Stream isn't writeable", request_id: "c1", count: 1 },
  ]);
});

test("after the interval one line has the number of requests since, and the last of them; without any there is none", async () => {
  const { lines, report } = open(20);
  for (let request = 1; request <= 5; request += 1) {
    report({ kind: "reply_lost", cause: `cause ${request}`, fields: named(`r${request}`) });
  }
  await until(() => lines.length > 1);
  report({ kind: "refused", cause: "OOM", fields: named("other") });
  report({ kind: "refused", cause: "OOM", fields: named("another") });
  await until(() => lines.length > 3);
  expect(lines).toMatchObject([
    { cause: "cause 1", request_id: "r1", count: 1 },
    { cause: "cause 5", request_id: "r5", count: 4 },
    { cause: "OOM", request_id: "other", count: 1 },
    { cause: "OOM", request_id: "another", count: 1 },
  ]);
});
