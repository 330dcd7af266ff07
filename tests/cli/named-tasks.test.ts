import { expect, test } from "vitest";
import { PythonPeer } from "../support/python-peer.ts";
import { operatorToken, useService } from "./support/service.ts";

const service = useService({ stepMs: 2000 });

test("a task whose id is no number is listed, shown, explained, cancelled and deleted", async () => {
  const carol = service.newUser();
  const asOperator = (...args: string[]) =>
    service.run(["admin", ...args], { env: { ...carol.env, DMS_OPERATOR_TOKEN: operatorToken } });
  const peer = new PythonPeer(service.redis);
  const [name, other] = [`demo ${carol.owner.user}`, `demo-${carol.owner.user}`];
  await peer.store(name, carol.owner, { status: "running" });
  await peer.store(other, carol.owner, { status: "completed" });
  expect((await carol.run("tasks", "list", "--output", "id")).stdout).toBe(`${name}\n${other}\n`);
  expect(JSON.parse((await carol.run("tasks", "status", name)).stdout).task.status).toBe("running");
  expect((await carol.run("tasks", "explain", name)).code).toBe(0);
  expect((await carol.run("tasks", "cancel", name)).code).toBe(0);
  expect(JSON.parse((await asOperator("task", name, "--output", "json")).stdout).task.task_id).toBe(name);
  expect((await asOperator("task", `${name}x`)).code).toBe(3);
  expect((await carol.run("tasks", "delete", other)).code).toBe(0);
  expect((await carol.run("tasks", "status", other)).code).toBe(3);
  expect((await carol.run("tasks", "status", "id:sequence")).code).toBe(2);
});
