import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../local/redis-server.ts";
import { run } from "./support/run.ts";
import { useService } from "./support/service.ts";

const service = useService();

/** A server that gives every request the same answer, and counts them. */
async function startFake(status: number, body: string, headers: Record<string, string> = {}) {
  const seen: { method: string | undefined; url: string | undefined; key: string | string[] | undefined }[] = [];
  const server = createServer((request, response) => {
    seen.push({ method: request.method, url: request.url, key: request.headers["idempotency-key"] });
    response.writeHead(status, headers).end(body);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => void server.close());
  return { seen, env: { DMS_API_BASE: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1` } };
}

const owner = ["--service", "sync", "--user", "alice"];

test("0: success", async () => {
  const alice = service.newUser();
  expect((await alice.run("tasks", "submit", "--wait")).code).toBe(0);
});

test("1: the task failed, or the server refused", async () => {
  const alice = service.newUser();
  expect((await alice.run("tasks", "submit", "-p", "fail=disk", "--wait")).code).toBe(1);
  const refused = await alice.run("tasks", "list", "--service", "a:users");
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("would collide") });
});

test("2: the command line is invalid, and a typo gets a suggestion", async () => {
  expect(await run(["taks"])).toMatchObject({
    code: 2,
    stderr: "dms-frontend: unknown command 'taks'. Did you mean tasks?\n",
  });
  expect(await run(["tasks", "lst"])).toMatchObject({ code: 2, stderr: expect.stringContaining("Did you mean list?") });
  expect(await run(["tasks", "list", "--srvice", "x"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--service"),
  });
  expect(await run(["tasks", "list", "--output", "xml"])).toMatchObject({ code: 2 });
  expect(await run(["tasks", "list"])).toMatchObject({ code: 2, stderr: expect.stringContaining("DMS_SERVICE") });
  expect(await run(["tasks", "list", "--service", "sync"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--user"),
  });
  expect(await run(["tasks", "status", ...owner])).toMatchObject({ code: 2 });
  expect(await run(["tasks", "status", ...owner, "1,,x"])).toMatchObject({ code: 2 });
  expect(await run(["tasks", "status", ...owner, "9-5"])).toMatchObject({ code: 2 });
  expect(await run(["tasks", "submit", ...owner, "--param", "novalue"])).toMatchObject({ code: 2 });
  expect(await run(["tasks", "wait", ...owner, "1", "--timeout", "soon"])).toMatchObject({ code: 2 });
  expect(await run(["tasks", "list", ...owner, "--status", "finished"])).toMatchObject({ code: 2 });
  expect(await run(["tasks", "submit", ...owner, "--idempotency-key", "a\nb"])).toMatchObject({ code: 2 });
  expect(await run(["serve", "--port", "http"])).toMatchObject({ code: 2, stderr: expect.stringContaining("65535") });
  expect(await run(["tasks", "list", ...owner, "--api-base", "localhost"])).toMatchObject({ code: 2 });
});

test("2: an invalid base URL is reported without its password", async () => {
  for (const base of ["ftp://me:sesame@host/", "http://me:sesame%zz@host/"]) {
    const { code, stderr } = await run(["tasks", "list", ...owner, "--api-base", base]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("is not a valid API base URL")]);
    expect(stderr).not.toContain("sesame");
  }
});

test("3: not found, with the server's detail and a hint in one line", async () => {
  const alice = service.newUser();
  expect(await alice.run("tasks", "status", "999999")).toMatchObject({
    code: 3,
    stdout: "",
    stderr: "dms-frontend: Task not found. A task is only visible to its owner: check --service, --user and the id.\n",
  });
  expect((await alice.run("tasks", "wait", "999999")).code).toBe(3);
});

test("5: nothing is listening, or the server is unavailable; idempotent requests are retried", async () => {
  const closed = { DMS_API_BASE: `http://127.0.0.1:${await freePort()}/api/v1` };
  const refused = await run(["tasks", "list", ...owner, "--retries", "1"], { env: closed });
  expect(refused).toMatchObject({ code: 5, stderr: expect.stringContaining("nothing is listening on 127.0.0.1") });

  const unavailable = await startFake(503, '{"detail":"The task store cannot be reached"}', { "retry-after": "0" });
  const listed = await run(["tasks", "list", ...owner, "--retries", "2"], { env: unavailable.env });
  expect(listed).toMatchObject({ code: 5, stderr: expect.stringContaining("The task store cannot be reached") });
  expect(unavailable.seen).toHaveLength(3);

  expect((await run(["tasks", "cancel", ...owner, "1"], { env: unavailable.env })).code).toBe(5);
  expect(unavailable.seen.filter(({ url }) => url?.includes("/cancel"))).toHaveLength(1);

  expect((await run(["tasks", "submit", ...owner, "--retries", "2"], { env: unavailable.env })).code).toBe(5);
  const submissions = unavailable.seen.filter(({ method, url }) => method === "POST" && url?.endsWith("/tasks"));
  expect(submissions).toHaveLength(3);
  expect(new Set(submissions.map(({ key }) => key)).size).toBe(1);
  expect(submissions[0]?.key).toMatch(/^[\w-]{36}$/);
});

test("5: a request times out, or another server answers", async () => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  onTestFinished(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const env = { DMS_API_BASE: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` };
  const args = ["tasks", "list", ...owner, "--timeout-request", "100ms", "--retries", "0"];
  expect(await run(args, { env })).toMatchObject({ code: 5, stderr: expect.stringContaining("within 100ms") });
  const other = await startFake(200, "<html>welcome</html>");
  expect(await run(["tasks", "status", ...owner, "1", "--output", "id"], other)).toMatchObject({
    code: 5,
    stderr: expect.stringContaining("--api-base"),
  });
  const page = await startFake(404, "<html>nothing here</html>");
  expect(await run(["tasks", "status", ...owner, "1"], page)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("this server does not offer GET /services/{service}/tasks/{task_id}"),
  });
});

test("6: the task was cancelled", async () => {
  const alice = service.newUser();
  const id = await service.store.register(alice.owner, {});
  await service.store.update(id, { status: "cancelled" });
  expect((await alice.run("tasks", "wait", id)).code).toBe(6);
});

test("124: timed out while the task is still running", async () => {
  const alice = service.newUser();
  const id = await service.store.register(alice.owner, {});
  expect(await alice.run("tasks", "wait", id, "--timeout", "300ms")).toMatchObject({
    code: 124,
    stderr: expect.stringContaining(`timed out after 300ms; task ${id} is still running`),
  });
  expect((await alice.run("tasks", "watch", id, "--timeout", "300ms")).code).toBe(124);
});

test("a timeout may be longer than the maximum of a timer", async () => {
  const alice = service.newUser();
  const limits = ["--timeout-request", "30d"];
  expect(await alice.run("tasks", "list", ...limits, "--output", "id")).toMatchObject({ code: 0, stderr: "" });
});

test("--debug shows the request on standard error", async () => {
  const alice = service.newUser();
  const { stdout, stderr } = await alice.run("tasks", "list", "--debug");
  expect(JSON.parse(stdout)).toEqual({ tasks: [] });
  expect(stderr).toContain(`> GET ${service.apiBase}/services/sync/users/${alice.owner.user}/tasks`);
  expect(stderr).toMatch(/< 200 after \d+ ms/);
});
