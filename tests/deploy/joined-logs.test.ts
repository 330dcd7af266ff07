import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../local/redis-server.ts";
import { useBuild } from "../support/build.ts";
import { startHttpDouble } from "../support/http-double.ts";
import { useRedis } from "../support/redis.ts";
import type { LogLine } from "../support/service.ts";
import { until } from "../support/until.ts";

const redis = useRedis();
const root = join(import.meta.dirname, "../..");

type Headers = Readonly<Record<string, string>>;

/** The processes of a runtime, and what they have logged so far. */
interface Runtime {
  readonly lines: readonly LogLine[];
  submit(headers: Headers): Promise<string>;
  cancel(id: string, headers: Headers): Promise<void>;
  /** Wakes a dispatcher that works only when it is triggered. */
  wake(): Promise<void>;
}

const submission = { path: "/api/v1/services/sync/users/alice/tasks", query: "src=/a" };
const cancellation = (id: string) => ({ path: `/api/v1/services/sync/tasks/${id}/cancel`, query: "user_id=alice" });

/** A process whose log lines go into `lines`; other output is ignored. */
function run(args: string[], environment: Record<string, string>, lines: LogLine[]) {
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    env: {
      PATH: process.env.PATH,
      DMS_REDIS_WRITE_URL: redis.url,
      DMS_CLI_DEFAULT_HOST: "127.0.0.1",
      DMS_LOG_LEVEL: "DEBUG",
      DMS_LOG_JSON: "true",
      DMS_DISPATCH_MIN_BACKOFF_SECONDS: "0.01",
      DMS_DISPATCH_MAX_BACKOFF_SECONDS: "0.05",
      ...environment,
    },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let rest = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => {
    const whole = (rest + part).split("\n");
    rest = whole.pop() ?? "";
    for (const line of whole) if (line.startsWith("{")) lines.push(JSON.parse(line));
  });
  return child;
}

async function post(port: number, { path, query }: typeof submission, headers: Headers): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}?${query}`, { method: "POST", headers });
  expect(answer.ok).toBe(true);
  return answer.text();
}

const idOf = (body: string) => String(JSON.parse(body).task_id);

async function startLocal(schedulerUrl: string): Promise<Runtime> {
  const [port, lines, cwd] = [await freePort(), [] as LogLine[], mkdtempSync(join(tmpdir(), "dms-logs-"))];
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  run(
    [join(root, "local/start.ts")],
    { DMS_CLI_DEFAULT_PORT: String(port), DMS_SCHEDULER_BASE_URL: schedulerUrl },
    lines,
  );
  await until(() => fetch(`http://127.0.0.1:${port}/healthz`), { timeoutMs: 30_000 });
  return {
    lines,
    submit: async (headers) => idOf(await post(port, submission, headers)),
    cancel: async (id, headers) => void (await post(port, cancellation(id), headers)),
    wake: async () => {},
  };
}

async function startServers(schedulerUrl: string): Promise<Runtime> {
  const { dist } = await useBuild();
  const lines: LogLine[] = [];
  const start = async (name: string) => {
    const port = await freePort();
    const bundle = join(dist, "server", `${name}.cjs`);
    run([bundle], { PORT: String(port), K_SERVICE: name, DMS_SCHEDULER_BASE_URL: schedulerUrl }, lines);
    await until(() => fetch(`http://127.0.0.1:${port}/livez`));
    return port;
  };
  const [submit, cancel, dispatcher] = await Promise.all(["submit-task", "cancel-task", "dispatcher"].map(start));
  return {
    lines,
    submit: async (headers) => idOf(await post(submit ?? 0, submission, headers)),
    cancel: async (id, headers) => void (await post(cancel ?? 0, cancellation(id), headers)),
    wake: async () => void (await post(dispatcher ?? 0, { path: "/", query: "" }, {})),
  };
}

async function startHandlers(schedulerUrl: string): Promise<Runtime> {
  const { dist } = await useBuild();
  const lines: LogLine[] = [];
  const start = (name: string) => {
    const script = `const { handler } = require(${JSON.stringify(join(dist, "lambda", `${name}.cjs`))});
      let count = 0;
      process.on("message", async (event) => {
        const awsRequestId = "${name}-" + ++count;
        process.send(await handler(event, { awsRequestId, getRemainingTimeInMillis: () => 20_000 }));
      });`;
    const child = run(["-e", script], { AWS_LAMBDA_FUNCTION_NAME: name, DMS_SCHEDULER_BASE_URL: schedulerUrl }, lines);
    return async (event: object): Promise<{ body: string }> => {
      const answer = once(child, "message");
      child.send(event);
      return (await answer)[0];
    };
  };
  const [submit, cancel, dispatch] = [start("submit-task"), start("cancel-task"), start("dispatcher")];
  const eventOf = ({ path, query }: typeof submission, headers: Headers) => {
    const http = { method: "POST", path };
    return { version: "2.0", rawPath: path, rawQueryString: query, headers, requestContext: { http } };
  };
  return {
    lines,
    submit: async (headers) => idOf((await submit(eventOf(submission, headers))).body),
    cancel: async (id, headers) => void (await cancel(eventOf(cancellation(id), headers))),
    wake: async () => void (await dispatch({ source: "aws.events" })),
  };
}

const traceIds = ["4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"] as const;
const headersOf = (request: string, traceId: string) => ({
  "x-request-id": request,
  traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
});

test.each([
  ["npm start", startLocal, false],
  ["the server bundles", startServers, false],
  ["the Lambda handlers", startHandlers, true],
] as const)("all lines of a task's life are found by its id: %s", { timeout: 60_000 }, async (_, start, onLambda) => {
  let requests = 0;
  const scheduler = await startHttpDouble((response) => {
    requests += 1;
    response.writeHead(requests === 1 ? 503 : 202).end();
  });
  const { lines, submit, cancel, wake } = await start(scheduler.url);
  const accepted = (request: string) => async () => {
    await wake();
    return lines.some((line) => line.msg === "scheduler accepted the request" && line.request === request);
  };
  const id = await submit(headersOf("the-submission", traceIds[0]));
  await until(accepted("submit"));
  await cancel(id, headersOf("the-cancellation", traceIds[1]));
  await until(accepted("cancel"));
  // Lines of different processes arrive in any order.
  await until(() => lines.filter(({ msg, task_id }) => msg === "request" && task_id === id).length === 2);

  const life = lines.filter(({ task_id }) => task_id === id);
  const submitted = { task_id: id, service: "sync", request_id: "the-submission", trace_id: traceIds[0] };
  const cancelled = { ...submitted, request_id: "the-cancellation", trace_id: traceIds[1] };
  const shown = life.map(({ msg, task_id, service, request_id, trace_id, request, status }) => {
    return JSON.parse(JSON.stringify({ msg, task_id, service, request_id, trace_id, request, status }));
  });
  const expected = [
    { msg: "request", ...submitted, status: 202 },
    { msg: "scheduler did not accept the request", ...submitted, request: "submit" },
    { msg: "scheduler accepted the request", ...submitted, request: "submit" },
    { msg: "request", ...cancelled, status: 200 },
    { msg: "scheduler accepted the request", ...submitted, request: "cancel" },
  ];
  expect(shown).toHaveLength(expected.length);
  expect(shown).toEqual(expect.arrayContaining(expected));
  const invocations = life.map(({ awsRequestId }) => awsRequestId);
  if (!onLambda) expect(new Set(invocations)).toEqual(new Set([undefined]));
  else for (const invocation of invocations) expect(invocation).toMatch(/^(submit-task|cancel-task|dispatcher)-\d+$/);
});
