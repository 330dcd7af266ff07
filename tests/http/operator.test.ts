import { expect, test } from "vitest";
import { endpoints } from "../../shared/api/endpoints.ts";
import { startServiceForTest, useService } from "../support/service.ts";
import { contents } from "../task-state/support.ts";
import {
  aliceTask,
  expectProblem,
  idsIn,
  operator,
  parseAnswer,
  requestBytes,
  sendBytes,
  submit,
  taskIn,
} from "./support.ts";

const service = useService();
const guarded = [
  ...Object.values(endpoints)
    .filter(({ auth, path }) => auth === "operator" || path.startsWith("/admin"))
    .map(({ method, path }) => [method, path.replace("{service}", "sync").replace("{task_id}", "1")] as const),
  // A wrong token is reported before an invalid input.
  ["GET", "/admin/tasks?limit=0"],
  ["GET", "/admin/services/a:users/tasks"],
] as const;
const withToken = (token: string) => ({ headers: { "x-operator-token": token } });

test.each(guarded)("%s %s without the right token is 401 and changes nothing", async (method, path) => {
  await submit(service);
  const before = await contents(service.redis.client);
  const wrong = [{}, ...["", "Changeme", "changem", "changeme2", "changeme,", "*"].map(withToken)];
  wrong.push({ headers: { authorization: "Bearer changeme" } });
  for (const init of wrong) {
    const reply = await service.request(method, path, init);
    expectProblem(reply, 401);
    expect(reply.body).toMatchObject({ detail: "Invalid operator token" });
  }
  expect((await service.request(method, `${path.split("?")[0]}?x-operator-token=changeme`)).status).toBe(401);
  expect(await contents(service.redis.client)).toEqual(before);
});

test("a header that is sent twice is not a valid token", async () => {
  const headers = ["X-Operator-Token: changeme", "X-Operator-Token: changeme"];
  const answer = await sendBytes(service, requestBytes("GET", "/api/v1/admin/tasks", headers));
  expectProblem(parseAnswer(answer), 401);
});

test("each of several tokens is valid, but no combination of them", async () => {
  const rotating = await startServiceForTest(service.redis.url, { DMS_OPERATOR_TOKEN: "old token, new-token" });
  for (const token of ["old token", "new-token"]) {
    expect((await rotating.get("/admin/tasks", withToken(token))).body).toEqual({ tasks: [] });
  }
  for (const token of ["old token,new-token", "old token, new-token", "old", "changeme", ","]) {
    expectProblem(await rotating.get("/admin/tasks", withToken(token)), 401);
  }
});

test("a token beyond ASCII is valid in the bytes in which it was configured", async () => {
  const other = await startServiceForTest(service.redis.url, { DMS_OPERATOR_TOKEN: "schlüssel-열쇠" });
  const bytes = requestBytes("GET", "/api/v1/admin/tasks", ["X-Operator-Token: schlüssel-열쇠"]);
  expect(parseAnswer(await sendBytes(other, bytes)).body).toEqual({ tasks: [] });
});

test("an operator lists, cancels and deletes the tasks of any user", async () => {
  const [first, second] = [await submit(service), await submit(service, "", "/services/rm/users/bob/tasks")];
  expect(idsIn(await service.get("/admin/tasks", operator))).toEqual([first, second]);
  expect(idsIn(await service.get("/admin/services/rm/tasks", operator))).toEqual([second]);
  const cancelled = taskIn(await service.post(`/admin/tasks/${second}/cancel`, operator));
  expect([cancelled.user_id, cancelled.status]).toEqual(["bob", "cancelled"]);
  const { text } = await service.get(aliceTask(first));
  expect((await service.delete(`/admin/tasks/${first}`, operator)).text).toBe(text);
  expect(idsIn(await service.get("/admin/tasks", operator))).toEqual([second]);
});

test("a task that does not exist is 404 for an operator too", async () => {
  for (const id of ["1", "0", "abc", "id:sequence", "1:metadata"]) {
    expectProblem(await service.post(`/admin/tasks/${id}/cancel`, operator), 404);
    expectProblem(await service.delete(`/admin/tasks/${id}`, operator), 404);
  }
});

test("a token never appears in the log", async () => {
  await service.get("/admin/tasks", operator);
  await service.get("/admin/tasks", withToken("s3cret-guess"));
  expect(JSON.stringify(service.logs)).not.toMatch(/changeme|s3cret-guess/);
});
