import { createRequire } from "node:module";
import { join } from "node:path";
import type { TestBuild } from "../support/build.ts";
import type { Runtime, SuiteRequest } from "./runtime.ts";

type Handler = (event: unknown, context: unknown) => Promise<LambdaAnswer>;

interface LambdaAnswer {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** The used part of an invocation's context. */
export const context = { awsRequestId: "a-request", getRemainingTimeInMillis: () => 60_000 };

/** Loads the handler of a bundle, as Lambda does once per process; it reads `process.env`. */
export function loadHandler({ dist }: Pick<TestBuild, "dist">, name: string): Handler {
  const load = createRequire(import.meta.url);
  return (load(join(dist, "lambda", `${name}.cjs`)) as { handler: Handler }).handler;
}

/** Replaces API Gateway: finds the function of a route and calls it with an event of payload format 2.0. */
export function overEvents(build: TestBuild): Runtime["send"] {
  const routes = build.functions.flatMap(({ name, routes }) =>
    routes.map(({ method, path }) => ({ name, method, path: new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`) })),
  );
  const handlers = new Map<string, Handler>();
  return async (request) => {
    const [path = ""] = request.target.split("?", 1);
    const route = routes.find((each) => each.method === request.method && each.path.test(path));
    const name = route?.name ?? "health";
    const handler = handlers.get(name) ?? loadHandler(build, name);
    handlers.set(name, handler);
    const { statusCode, headers, body } = await handler(eventOf(request), context);
    return { status: statusCode, headers, text: body };
  };
}

function eventOf({ method, target, headers = {}, body }: SuiteRequest) {
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "" : target.slice(mark + 1);
  const joined: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(query)) {
    joined[name] = joined[name] === undefined ? value : `${joined[name]},${value}`;
  }
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: query,
    headers: { host: "api.example", ...headers },
    ...(query === "" ? {} : { queryStringParameters: joined }),
    requestContext: {
      http: { method, path, protocol: "HTTP/1.1", sourceIp: "192.0.2.1", userAgent: "suite" },
      requestId: "JKJaXmPLvHcESHA=",
      stage: "$default",
    },
    ...(body === undefined ? {} : { body }),
    isBase64Encoded: false,
  };
}
