import { expect, test } from "vitest";
import { keys, type Owner } from "../../task-state/index.ts";
import { PythonPeer } from "../support/python-peer.ts";
import { useService } from "../support/service.ts";
import { tracesOf } from "../task-state/support.ts";
import { aliceTask, aliceTasks, expectProblem, idsIn, nextCursorIn, operator, submit, taskIn } from "./support.ts";

const service = useService();
const alice: Owner = { service: "sync", user: "alice" };
const lists = [aliceTasks, "/admin/tasks", "/admin/services/sync/tasks"];
const peer = () => new PythonPeer(service.redis.client);
/** In the order of their bytes. */
const names = ["0", "007", "9223372036854775808", "Demo", "a b", "a/b", "a:b", "demo", "demo-1", "üñ", "用户", "😀"];

async function walk(path: string, limit: number, order: string): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const more = cursor && `&cursor=${encodeURIComponent(cursor)}`;
    const reply = await service.get(`${path}?limit=${limit}&order=${order}${more}`, operator);
    ids.push(...idsIn(reply));
    cursor = nextCursorIn(reply);
  }
  return ids;
}

test.each(lists)("%s has the tasks with names behind the numbers, whole and in pages of any size", async (path) => {
  for (const name of names.toReversed()) await peer().store(name, alice);
  const numbers = [await submit(service), await submit(service), await peer().submit(alice)];
  const all = [...numbers, ...names];
  expect(idsIn(await service.get(path, operator))).toEqual(all);
  for (const limit of [1, 2, 3, 5, 100]) {
    expect(await walk(path, limit, "asc")).toEqual(all);
    expect(await walk(path, limit, "desc")).toEqual(all.toReversed());
  }
});

test("a cursor that is a name keeps its place though its task is gone", async () => {
  await submit(service);
  for (const name of ["a", "b", "c"]) await peer().store(name, alice);
  await service.get(aliceTasks);
  await peer().delete("b", alice);
  const after = (query: string) => service.get(`${aliceTasks}?limit=9&${query}`).then(idsIn);
  expect(await after("cursor=b")).toEqual(["c"]);
  expect(await after("cursor=b&order=desc")).toEqual(["a", "1"]);
  expect(await after("cursor=A&order=desc")).toEqual(["1"]);
  expect(await after("cursor=zzz")).toEqual([]);
});

test.each(names)("the task %j is read, explained and cancelled like any other", async (name) => {
  await peer().store(name, alice, { status: "running" });
  const id = encodeURIComponent(name);
  expect(taskIn(await service.get(aliceTask(id)))).toMatchObject({ task_id: name, status: "running" });
  expectProblem(await service.get(`/services/sync/tasks/${id}?user_id=bob`), 404);
  expect((await service.get(aliceTask(id, "/explain"))).body).toMatchObject({ task_id: name });
  expect((await service.get(`/admin/tasks/${id}/explain`, operator)).body).toMatchObject({ task_id: name });
  expect(taskIn(await service.post(aliceTask(id, "/cancel")))).toMatchObject({ status: "cancel_requested" });
});

test("ended tasks with names are deleted by their user and by an operator, and nothing is left of them", async () => {
  for (const name of ["demo", "other"]) await peer().store(name, alice, { status: "completed" });
  expect(idsIn(await service.get(aliceTasks))).toEqual(["demo", "other"]);
  expect(taskIn(await service.delete(aliceTask("demo")))).toMatchObject({ task_id: "demo" });
  expect(taskIn(await service.delete("/admin/tasks/other", operator))).toMatchObject({ task_id: "other" });
  for (const name of ["demo", "other"]) {
    expectProblem(await service.get(aliceTask(name)), 404);
    expect(await tracesOf(service.redis.client, name)).toEqual([keys.deleted, keys.deletedOwners]);
  }
  expect(idsIn(await service.get(aliceTasks))).toEqual([]);
  expect((await service.get("/services/sync/users")).body).toEqual({ users: [] });
});

test.each(["id:sequence", "1:metadata", "demo:metadata"])(
  "%s is the name of another key and no task, whatever is asked for",
  async (id) => {
    await submit(service);
    await peer().store("demo", alice);
    for (const reply of [
      await service.get(aliceTask(id)),
      await service.post(aliceTask(id, "/cancel")),
      await service.delete(aliceTask(id)),
      await service.get(`/admin/tasks/${id}/explain`, operator),
      await service.post(`/admin/tasks/${id}/cancel`, operator),
      await service.delete(`/admin/tasks/${id}`, operator),
    ])
      expectProblem(reply, 404);
    expectProblem(await service.get(`${aliceTasks}?cursor=${id}`), 422);
    expect(await service.redis.client.get(keys.sequence)).toBe("1");
    expect(await service.redis.client.exists(keys.metadata("demo"), keys.metadata("1"))).toBe(2);
  },
);
