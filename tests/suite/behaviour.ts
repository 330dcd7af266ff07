import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeRoute } from "../../shared/api/endpoint.ts";
import { endpoints } from "../../shared/api/endpoints.ts";
import { startScheduler } from "../support/development-scheduler.ts";
import { useRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { parameterCases } from "./parameters.ts";
import { operatorToken, type Runtime, type SuiteRequest, type SuiteSettings } from "./runtime.ts";

const api = "/api/v1";
const alice = `${api}/services/sync/users/alice/tasks`;
const asOperator = { headers: { "x-operator-token": operatorToken } };

/** The common behaviour of every runtime, however a request reaches a function. Runs the same tests on each. */
export function describeBehaviour(name: string, start: (settings: SuiteSettings) => Promise<Runtime>): void {
  describe(name, () => {
    const redis = useRedis();
    let runtime: Runtime;
    let scheduler: Awaited<ReturnType<typeof startScheduler>>;

    beforeAll(async () => {
      scheduler = await startScheduler(redis, {}, { keep: true });
      runtime = await start({ redisUrl: redis.url, schedulerUrl: scheduler.scheduler.url });
    });
    afterAll(async () => {
      await runtime?.stop();
      await scheduler?.scheduler.stop();
    });

    const send = async (method: string, target: string, more: Partial<SuiteRequest> = {}) => {
      const { status, headers, text } = await runtime.send({ method, target, ...more });
      return { status, headers, text, body: JSON.parse(text || "{}") as Record<string, unknown> };
    };
    const submit = async (target = `${alice}?src=/a`) => String((await send("POST", target)).body.task_id);
    const read = async (id: string) => {
      const { body } = await send("GET", `${api}/services/sync/tasks/${id}?user_id=alice`);
      return body.task as { status: string; parameters: Record<string, string>; logs: string[] };
    };

    test("/help lists every endpoint", async () => {
      const { status, body } = await send("GET", `${api}/help`);
      expect(status).toBe(200);
      expect(body.endpoints).toEqual(Object.values(endpoints).map((endpoint) => describeRoute(endpoint, api)));
    });

    test("/healthz reports that Redis is connected", async () => {
      const { status, body } = await send("GET", "/healthz");
      expect([status, body]).toEqual([200, { status: "ok", redis: { connected: true } }]);
    });

    test("a submission is 202 and can be read, listed and found by its user", async () => {
      const { status, body } = await send("POST", `${alice}?src=/a`);
      expect([status, body]).toEqual([202, { task_id: "1", status: "pending" }]);
      expect((await read("1")).parameters).toEqual({ src: "/a" });
      const { body: list } = await send("GET", alice);
      expect(list.tasks).toHaveLength(1);
      expect((await send("GET", `${api}/services/sync/users`)).body).toEqual({ users: ["alice"] });
    });

    test.each(parameterCases)("the query %s gives the parameters %j", async (query, parameters) => {
      const id = await submit(`${alice}?${query}`);
      const { text } = await send("GET", `${api}/services/sync/tasks/${id}?user_id=alice`);
      expect(Object.entries(JSON.parse(text).task.parameters)).toEqual(Object.entries(JSON.parse(parameters)));
    });

    test.each(["ünïcødé 用户", "a@b.c", "a:b", "a/b", "100%", "%41", "%2F", "a+b", "a?b#c"])(
      "the user %s has tasks",
      async (user) => {
        const target = `${api}/services/cocoa.song/users/${encodeURIComponent(user)}/tasks`;
        const id = await submit(`${target}?src=/a`);
        const { status, body } = await send(
          "GET",
          `${api}/services/cocoa.song/tasks/${id}?user_id=${encodeURIComponent(user)}`,
        );
        expect([status, body.task]).toMatchObject([200, { user_id: user }]);
      },
    );

    test("a submission with a dropped body is accepted", async () => {
      const headers = { "content-type": "text/plain" };
      expect((await send("POST", `${alice}?src=/a`, { headers, body: "ignored" })).status).toBe(202);
    });

    test("the same idempotency key gives the same task", async () => {
      const headers = { "idempotency-key": "one" };
      const first = await send("POST", `${alice}?src=/a`, { headers });
      const second = await send("POST", `${alice}?src=/a`, { headers });
      expect(second.body).toEqual(first.body);
    });

    test.each([
      ["another user's task", "GET", `${api}/services/sync/tasks/1?user_id=bob`, 404],
      ["a task that does not exist", "GET", `${api}/services/sync/tasks/999?user_id=alice`, 404],
      ["a missing user_id", "GET", `${api}/services/sync/tasks/1`, 422],
      ["a service whose index would collide", "POST", `${api}/services/a:users/users/alice/tasks`, 422],
      ["an unknown path", "GET", `${api}/nothing`, 404],
      ["an unknown path outside the API", "GET", "/nothing", 404],
      ["a missing operator token", "GET", `${api}/admin/tasks`, 401],
    ])("%s is answered with a detail", async (_, method, target, expected) => {
      await submit();
      const { status, body, headers } = await send(method, target);
      expect(status).toBe(expected);
      expect(body).toMatchObject({ detail: expect.any(String), status: expected });
      expect(String(headers["content-type"])).toMatch(/^application\/json/);
    });

    test("a wrong method is 404 or 405 with a detail", async () => {
      const { status, body } = await send("PUT", alice);
      expect([404, 405]).toContain(status);
      expect(body).toMatchObject({ detail: expect.any(String) });
      expect([404, 405]).toContain((await send("HEAD", alice)).status);
    });

    test("an operator sees all tasks and pauses and resumes the dispatch", async () => {
      await submit();
      expect((await send("GET", `${api}/admin/tasks`, asOperator)).body.tasks).toHaveLength(1);
      expect((await send("POST", `${api}/admin/dispatch/pause`, asOperator)).status).toBe(200);
      expect((await send("GET", `${api}/admin/dispatch`, asOperator)).body).toMatchObject({ state: "paused" });
      await send("POST", `${api}/admin/dispatch/resume`, asOperator);
    });

    test("a list comes in pages where a limit is given", async () => {
      const ids = [await submit(), await submit(), await submit()];
      const { body } = await send("GET", `${alice}?limit=2`);
      expect(body.tasks).toHaveLength(2);
      const rest = await send("GET", `${alice}?limit=2&cursor=${body.next_cursor}`);
      expect(rest.body.tasks).toMatchObject([{ task_id: ids[2] }]);
    });

    test("a deleted task is not found", async () => {
      const id = await submit();
      const target = `${api}/services/sync/tasks/${id}?user_id=alice`;
      expect((await send("DELETE", target)).status).toBe(200);
      expect((await send("GET", target)).status).toBe(404);
    });

    test("a request keeps its id, or gets one", async () => {
      const { headers } = await send("GET", `${api}/help`, { headers: { "x-request-id": "one-of-mine" } });
      expect(headers["x-request-id"]).toBe("one-of-mine");
      expect((await send("GET", `${api}/help`)).headers["x-request-id"]).toMatch(/^[\w-]{8,}/);
    });

    test("every answer has the security headers, and names no software", async () => {
      const { headers } = await send("GET", `${api}/help`);
      expect(headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none';frame-ancestors 'none'",
      });
      expect(headers).not.toHaveProperty("x-powered-by");
    });

    test("a page of a configured origin may read answers", async () => {
      const { headers } = await send("GET", `${api}/help`, { headers: { origin: "https://portal.example" } });
      expect(headers["access-control-allow-origin"]).toBe("https://portal.example");
    });

    test("the scheduler executes a task, and cancels a running one", async () => {
      const id = await submit();
      await runtime.wake?.();
      await until(async () => (await read(id)).status === "completed", { timeoutMs: 15_000 });
      expect((await read(id)).logs.join("\n")).toContain("Scheduler acknowledged submission");
    });
  });
}
