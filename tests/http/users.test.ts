import { expect, test } from "vitest";
import { useService } from "../support/service.ts";
import { aliceTask, submit } from "./support.ts";

const service = useService();
const users = "/services/sync/users";

test("a service without tasks has no users", async () => {
  const reply = await service.get(users);
  expect([reply.status, reply.text]).toEqual([200, '{"users":[]}']);
});

test("each user is listed once, sorted by code point, and only in their own service", async () => {
  const names = ["bob", "alice", "Zoe", "a:b", "10", "9", "ünal", "用户", "alice"];
  for (const name of names) await submit(service, "", `/services/sync/users/${encodeURIComponent(name)}/tasks`);
  await submit(service, "", "/services/rm/users/carol/tasks");
  expect((await service.get(users)).body).toEqual({
    users: ["10", "9", "Zoe", "a:b", "alice", "bob", "ünal", "用户"],
  });
  expect((await service.get("/services/rm/users")).body).toEqual({ users: ["carol"] });
});

test("1,200 users are all listed in order", async () => {
  const names = Array.from({ length: 1200 }, (_, index) => `user-${String(index).padStart(4, "0")}`);
  for (let from = 0; from < names.length; from += 200) {
    const some = names.slice(from, from + 200);
    await Promise.all(some.map((name) => submit(service, "", `/services/sync/users/${name}/tasks`)));
  }
  expect((await service.get(users)).body).toEqual({ users: names });
});

test("a user whose last task is deleted is no longer listed", async () => {
  await submit(service, "", "/services/sync/users/bob/tasks");
  const [first, second] = [await submit(service), await submit(service)];
  await service.delete(aliceTask(first));
  expect((await service.get(users)).body).toEqual({ users: ["alice", "bob"] });
  await service.delete(aliceTask(second));
  expect((await service.get(users)).body).toEqual({ users: ["bob"] });
});
