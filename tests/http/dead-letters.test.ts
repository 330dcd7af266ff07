import { expect, test } from "vitest";
import { z } from "zod";
import { createContext, keys, recordMalformedEntry } from "../../task-state/index.ts";
import { useService } from "../support/service.ts";
import { change, contents } from "../task-state/support.ts";
import { aliceTask, detailIn, expectProblem, messagesOf, nextCursorIn, operator, submit, taskIn } from "./support.ts";

const service = useService();
const withToken = (token: string) => ({ headers: { "x-operator-token": token } });

/** Submits tasks and dead-letters them. */
async function giveUp(count: number): Promise<string[]> {
  const context = createContext({ primary: service.redis.client });
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const id = await submit(service);
    await change(context, id, {
      record: { status: "failed", logs: ["Submission failed after 20 attempts: 429"] },
      sidecar: { dead: "submit", attempts: 20, error: "429" },
      deadLetter: { request: "submit", attempts: 20, error: "429" },
    });
    ids.push(id);
  }
  return ids;
}

const page = z.strictObject({
  dead_letters: z.array(z.looseObject({ task_id: z.string() })),
  next_cursor: z.string().optional(),
});

async function list(query = "") {
  const reply = await service.get(`/admin/dead-letters${query}`, operator);
  expect(reply.status, reply.text).toBe(200);
  return { letters: page.parse(reply.body).dead_letters, cursor: nextCursorIn(reply) };
}

const idsIn = ({ letters }: Awaited<ReturnType<typeof list>>) => letters.map(({ task_id }) => task_id);

test.each([
  ["GET", "/admin/dead-letters"],
  ["POST", "/admin/dead-letters/1/retry"],
  ["DELETE", "/admin/dead-letters/1"],
])("%s %s without the right token is 401 and changes nothing", async (method, path) => {
  await giveUp(1);
  const before = await contents(service.redis.client);
  for (const init of [{}, withToken(""), withToken("wrong")]) {
    expectProblem(await service.request(method, path, init), 401);
  }
  expect(await contents(service.redis.client)).toEqual(before);
});

test("the list shows the task, the operation, the attempts, the last error and the time", async () => {
  expect((await service.get("/admin/dead-letters", operator)).body).toEqual({ dead_letters: [] });
  const [id] = await giveUp(1);
  expect((await list()).letters).toEqual([
    {
      task_id: id,
      service: "sync",
      user_id: "alice",
      request: "submit",
      attempts: 20,
      error: "429",
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    },
  ]);
});

test("the list is paged, and the pages contain every dead letter once", async () => {
  const ids = await giveUp(25);
  const found: string[] = [];
  let query = "?limit=10";
  for (let pages = 1; ; pages += 1) {
    const { cursor, ...rest } = await list(query);
    found.push(...idsIn({ cursor, ...rest }));
    if (cursor === undefined) {
      expect(pages).toBe(3);
      break;
    }
    query = `?limit=10&cursor=${encodeURIComponent(cursor)}`;
  }
  expect(found.toSorted()).toEqual(ids.toSorted());
});

test("a page has a hundred dead letters by default", async () => {
  for (let count = 0; count < 101; count += 1) await recordMalformedEntry(service.redis.client, `${count}-0`);
  const { letters, cursor } = await list();
  expect(letters).toHaveLength(100);
  expect(idsIn(await list(`?cursor=${cursor}`))).toHaveLength(1);
});

test.each([
  "limit=0",
  "limit=1001",
  "limit=x",
  "cursor=1",
  "cursor=x:1",
  "cursor=1:1:metadata",
  "cursor=1:%0A",
  "cursor=",
])("?%s is 422", async (query) => {
  expectProblem(await service.get(`/admin/dead-letters?${query}`, operator), 422);
});

test("a retry makes the task pending again, and removes it from the list", async () => {
  const [id = ""] = await giveUp(1);
  const task = taskIn(await service.post(`/admin/dead-letters/${id}/retry`, operator));
  expect(task).toMatchObject({ task_id: id, status: "pending" });
  expect(messagesOf(task).at(-1)).toBe("Submission is tried again by an operator");
  expect((await service.get(aliceTask(id))).body).toEqual({ task });
  expect((await list()).letters).toEqual([]);
  expectProblem(await service.post(`/admin/dead-letters/${id}/retry`, operator), 404);
});

test("of ten retries at once one succeeds, and the others say that the dead letter is gone", async () => {
  const [id] = await giveUp(1);
  const retry = () => service.post(`/admin/dead-letters/${id}/retry`, operator);
  const replies = await Promise.all(Array.from({ length: 10 }, retry));
  const refused = replies.filter(({ status }) => status !== 200);
  expect(refused).toHaveLength(9);
  for (const reply of refused) expect(detailIn(reply)).toMatch(/^(The dead letter is gone|Dead letter not found)/);
});

test("a task that has ended otherwise and an entry without a task cannot be retried", async () => {
  const [id = ""] = await giveUp(1);
  const raw = (await service.redis.client.get(keys.record(id))) ?? "";
  await service.redis.client.set(keys.record(id), raw.replace('"failed"', '"completed"'));
  await recordMalformedEntry(service.redis.client, "5-0");
  for (const [name, reason] of [
    [id, "the task is completed by now"],
    ["5-0", "the entry names no task"],
  ]) {
    const reply = await service.post(`/admin/dead-letters/${name}/retry`, operator);
    expectProblem(reply, 409);
    expect(detailIn(reply)).toBe(`There is nothing to try again: ${reason}`);
  }
  expect((await list()).letters).toHaveLength(2);
});

test("discarding a dead letter returns it and removes it, and leaves its task unchanged", async () => {
  const [id = ""] = await giveUp(1);
  await recordMalformedEntry(service.redis.client, "5-0");
  const { letters } = await list();
  const before = await service.get(aliceTask(id));
  for (const letter of letters) {
    const path = `/admin/dead-letters/${letter.task_id}`;
    const reply = await service.delete(path, operator);
    expect([reply.status, reply.body]).toEqual([200, { dead_letter: letter }]);
    expectProblem(await service.delete(path, operator), 404);
  }
  expect((await list()).letters).toEqual([]);
  expect((await service.get(aliceTask(id))).body).toEqual(before.body);
});

test.each(["99", "0", "abc", "__proto__", "%20", "a%2Fb"])("the missing dead letter %s is 404", async (id) => {
  expectProblem(await service.post(`/admin/dead-letters/${id}/retry`, operator), 404);
  expectProblem(await service.delete(`/admin/dead-letters/${id}`, operator), 404);
});
