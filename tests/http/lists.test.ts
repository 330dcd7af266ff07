import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { type TestService, useService } from "../support/service.ts";
import { saveAsScheduler } from "../task-state/support.ts";
import { aliceTasks, detailIn, expectProblem, idsIn, nextCursorIn, operator, submit, tasksIn } from "./support.ts";

const service = useService();
const lists = [aliceTasks, "/admin/tasks", "/admin/services/sync/tasks"];
const list = (path: string) => service.get(path, operator);
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

async function submitMany(count: number): Promise<void> {
  for (let done = 0; done < count; done += 100) {
    await Promise.all(Array.from({ length: Math.min(100, count - done) }, () => submit(service)));
  }
}

async function walk(path: string, of: TestService): Promise<string[][]> {
  const pages: string[][] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const reply = await of.get(path + (cursor && `&cursor=${cursor}`), operator);
    pages.push(idsIn(reply));
    cursor = nextCursorIn(reply);
  }
  return pages;
}

test.each(lists)("%s without tasks is an empty list", async (path) => {
  for (const query of ["", "?limit=5", "?order=desc", "?cursor=7"]) {
    const reply = await list(path + query);
    expect([reply.status, reply.text]).toEqual([200, '{"tasks":[]}']);
  }
});

test.each(lists)("%s is in the order of numeric ids, and each task is as stored", async (path) => {
  await submitMany(12);
  const reply = await list(path);
  expect(idsIn(reply)).toEqual(numbers(1, 12));
  const stored = await service.redis.client.mget(numbers(1, 12).map(keys.record));
  expect(reply.text).toBe(`{"tasks":[${stored.join(",")}]}`);
});

test.each(lists)("%s gives pages by limit, cursor and order, and next_cursor only where more follows", async (path) => {
  await submitMany(12);
  const cases: [query: string, ids: string[], next: string | undefined][] = [
    ["limit=5", numbers(1, 5), "5"],
    ["limit=5&cursor=5", numbers(6, 10), "10"],
    ["limit=5&cursor=10", numbers(11, 12), undefined],
    ["limit=12", numbers(1, 12), undefined],
    ["limit=1000", numbers(1, 12), undefined],
    ["limit=5&order=desc", numbers(8, 12).reverse(), "8"],
    ["limit=5&order=desc&cursor=8", numbers(3, 7).reverse(), "3"],
    ["limit=2&order=desc&cursor=3", ["2", "1"], undefined],
    ["order=desc", numbers(1, 12).reverse(), undefined],
    ["order=asc", numbers(1, 12), undefined],
    ["cursor=9", numbers(10, 12), undefined],
    ["cursor=99&limit=1", [], undefined],
    ["limit=0&limit=1&other=x", ["1"], "1"],
  ];
  for (const [query, ids, next] of cases) {
    const reply = await list(`${path}?${query}`);
    expect([idsIn(reply), nextCursorIn(reply)], query).toEqual([ids, next]);
  }
});

test("a walk along next_cursor sees every task once, in either direction, while others are submitted", async () => {
  await submitMany(23);
  expect((await walk("/admin/tasks?limit=5", service)).map((page) => page.length)).toEqual([5, 5, 5, 5, 3]);
  expect((await walk("/admin/tasks?limit=5&order=desc", service)).flat()).toEqual(numbers(1, 23).reverse());
  const [walked] = await Promise.all([walk(`${aliceTasks}?limit=2`, service), submitMany(3)]);
  expect(walked.flat().slice(0, 23)).toEqual(numbers(1, 23));
  expect(new Set(walked.flat()).size).toBe(walked.flat().length);
});

test.each(lists)("%s rejects an invalid value with a 422 that names it", async (path) => {
  await submit(service);
  const wrong: Record<string, string[]> = {
    limit: ["0", "1001", "-1", "1.5", "1e2", "ten", "", "+5", "0x5", "99999999999999999999"],
    cursor: ["", "id:sequence", "1:metadata", "a%0Ab", "%C2%9F", "x".repeat(257)],
    order: ["", "ASC", "newest", "asc,desc", "__proto__"],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const reply = await list(`${path}?${name}=${value}`);
      expectProblem(reply, 422);
      expect(detailIn(reply), value).toContain(name);
      expect(reply.body).toMatchObject({ errors: [{ field: name }] });
    }
  }
  const several = await list(`${path}?limit=0&cursor=&order=up`);
  expect(several.body).toMatchObject({ errors: [{ field: "limit" }, { field: "cursor" }, { field: "order" }] });
});

test("a list shows one user's tasks in one service, or one service's, and no other", async () => {
  for (const [name, user] of [
    ["sync", "alice"],
    ["sync", "bob"],
    ["rm", "alice"],
  ]) {
    await submit(service, "", `/services/${name}/users/${user}/tasks`);
  }
  expect(idsIn(await list(aliceTasks))).toEqual(["1"]);
  expect(idsIn(await list("/services/sync/users/bob/tasks"))).toEqual(["2"]);
  expect(idsIn(await list("/admin/services/sync/tasks"))).toEqual(["1", "2"]);
  expect(idsIn(await list("/admin/services/cp/tasks"))).toEqual([]);
  expect(idsIn(await list("/admin/tasks"))).toEqual(["1", "2", "3"]);
});

test("a whole list of 1,500 is streamed and valid JSON", async () => {
  await submitMany(1500);
  for (const path of lists) {
    const reply = await list(path);
    expect(reply.headers.get("content-length"), "streamed").toBeNull();
    expect(tasksIn(reply).map(({ task_id }) => task_id)).toEqual(numbers(1, 1500));
    expect(reply.body).not.toHaveProperty("next_cursor");
  }
  expect((await walk("/admin/tasks?limit=1000", service)).map((page) => page.length)).toEqual([1000, 500]);
});

test("tasks that another program has recorded appear in every list", async () => {
  await submit(service);
  await saveAsScheduler(service.redis.client, "7", { status: "running", extra: { of: ["theirs"] } });
  for (const path of lists) expect(idsIn(await list(path))).toEqual(["1", "7"]);
  expect((await list(aliceTasks)).text).toContain('"extra":{"of":["theirs"]}');
});

test("an expired task is in no list", async () => {
  await submitMany(3);
  await service.redis.client.del(keys.record("2"));
  for (const path of lists) {
    expect(idsIn(await list(path))).toEqual(["1", "3"]);
    expect(idsIn(await list(`${path}?limit=2`))).toEqual(["1", "3"]);
  }
});
