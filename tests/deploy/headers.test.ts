import helmet from "@fastify/helmet";
import Fastify from "fastify";
import { expect, test } from "vitest";
import { securityHeaders } from "../../shared/http/security-headers.ts";
import { useRedis } from "../support/redis.ts";
import { startServiceForTest } from "../support/service.ts";

const redis = useRedis();

test("the fixed headers are those that @fastify/helmet sends for an API", async () => {
  const app = Fastify();
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    frameguard: { action: "deny" },
    referrerPolicy: false,
    // These concern pages, old browsers and plugins, which an API does not have.
    crossOriginOpenerPolicy: false,
    crossOriginResourcePolicy: false,
    originAgentCluster: false,
    dnsPrefetchControl: false,
    ieNoOpen: false,
    permittedCrossDomainPolicies: false,
    xssFilter: false,
  });
  app.get("/", () => "");
  const { headers } = await app.inject("/");
  expect(headers).toMatchObject(securityHeaders);
  const own = Object.keys(headers).filter((name) => !/^(content-type|content-length|date|connection)$/.test(name));
  expect(own.sort()).toEqual(Object.keys(securityHeaders).sort());
  await app.close();
});

test.each(["GET /help", "GET /nothing", "GET /%zz", "GET /admin/tasks"])(
  "%s is answered with them",
  async (request) => {
    const service = await startServiceForTest(redis.url);
    const [method = "", path = ""] = request.split(" ");
    const { headers } = await service.request(method, path);
    expect(Object.fromEntries(headers)).toMatchObject(securityHeaders);
    expect(headers.get("x-request-id")).toBeTruthy();
  },
);

test("an id that is not safe in a log is replaced", async () => {
  const service = await startServiceForTest(redis.url);
  for (const given of ["a b", "x".repeat(129), 'a"b']) {
    const { headers } = await service.get("/help", { headers: { "x-request-id": given } });
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test("a request's id appears in its log line", async () => {
  const service = await startServiceForTest(redis.url);
  await service.get("/nothing", { headers: { "x-request-id": "mine" } });
  expect(service.logs).toContainEqual(
    expect.objectContaining({ msg: "request", request_id: "mine", path: "/api/v1/nothing" }),
  );
});

test("no web origin may call the API by default", async () => {
  const service = await startServiceForTest(redis.url);
  const { headers } = await service.get("/help", { headers: { origin: "https://portal.example" } });
  expect(headers.has("access-control-allow-origin")).toBe(false);
});

test("a page of a configured origin passes the preflight, one of another origin does not", async () => {
  const service = await startServiceForTest(redis.url, { DMS_CORS_ORIGINS: "https://a.example,https://b.example" });
  const ask = async (origin: string) => {
    const headers = { origin, "access-control-request-method": "POST" };
    const answer = await service.request("OPTIONS", "/services/sync/users/alice/tasks", { headers });
    return answer.headers.get("access-control-allow-origin");
  };
  expect(await ask("https://b.example")).toBe("https://b.example");
  expect(await ask("https://evil.example")).not.toBe("https://evil.example");
});
