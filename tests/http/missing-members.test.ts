import { expect, test } from "vitest";
import { keys, type Owner } from "../../task-state/index.ts";
import { PythonPeer, peerRecord } from "../support/python-peer.ts";
import { useService } from "../support/service.ts";
import { aliceTask, aliceTasks, operator, submit, taskIn, tasksIn } from "./support.ts";

const service = useService();
const alice: Owner = { service: "sync", user: "alice" };
const peer = () => new PythonPeer(service.redis.client);
const nothing = { pod_status: null, launcher_output: null };
const defaults = { priority: "low", active_jobs: [], result: nothing };

/** The text of a record in which each member is replaced by JSON, or left out. */
function oddText(id: string, members: Readonly<Record<string, string | undefined>>): string {
  const { priority, active_jobs, result, ...rest } = JSON.parse(peerRecord(id, alice, { status: "running" }));
  const usual: Record<string, unknown> = { priority, active_jobs, result };
  const texts = Object.entries(usual).map(([name, value]): [string, string | undefined] => [
    name,
    Object.hasOwn(members, name) ? members[name] : JSON.stringify(value),
  ]);
  const more = texts.flatMap(([name, text]) => (text === undefined ? [] : [`,"${name}":${text}`]));
  return `${JSON.stringify(rest).slice(0, -1)},"ratio":1.0${more.join("")}}`;
}

test.each<[string, Record<string, string | undefined>, object]>([
  ["all three", { priority: undefined, active_jobs: undefined, result: undefined }, defaults],
  ["the priority", { priority: undefined }, { priority: "low" }],
  ["the jobs", { active_jobs: undefined }, { active_jobs: [] }],
  ["the result", { result: undefined }, { result: nothing }],
  ["the pod status", { result: '{"launcher_output":"x"}' }, { result: { pod_status: null, launcher_output: "x" } }],
  [
    "the output",
    { result: '{"pod_status":"Running","more":1}' },
    { result: { ...nothing, pod_status: "Running", more: 1 } },
  ],
])("a record without %s is answered with the default", async (_, members, expected) => {
  await expectAnswers(members, expected);
});

test.each<[string, Record<string, string>, object]>([
  ["nulls", { priority: "null", active_jobs: "null", result: "null" }, defaults],
  ["texts", { priority: '"urgent"', active_jobs: '"sync-1"', result: '"done"' }, defaults],
  ["numbers", { priority: "1", active_jobs: "0", result: "1.0" }, defaults],
  ["the wrong kind of container", { priority: "[]", active_jobs: "{}", result: "[]" }, defaults],
])("a record with %s where others belong is answered with the defaults", async (_, members, expected) => {
  await expectAnswers(members, expected);
});

/** Every answer about the task shows it so, and the stored record does not change. */
async function expectAnswers(members: Record<string, string | undefined>, expected: object): Promise<void> {
  const id = await peer().submit(alice);
  const raw = oddText(id, members);
  await service.redis.client.set(keys.record(id), raw);
  const whole = { task_id: id, status: "running", ...expected };
  expect(taskIn(await service.get(aliceTask(id)))).toMatchObject(whole);
  for (const path of [aliceTasks, `${aliceTasks}?limit=5`, "/admin/tasks", "/admin/services/sync/tasks"]) {
    const reply = await service.get(path, operator);
    expect(tasksIn(reply)).toMatchObject([whole]);
    expect(reply.text).toContain('"ratio":1.0');
    expect(reply.headers.get("dms-unreadable-tasks")).toBeNull();
  }
  expect(await service.redis.client.get(keys.record(id))).toBe(raw);
  const cancelled = taskIn(await service.post(aliceTask(id, "/cancel")));
  expect(cancelled).toMatchObject({ ...whole, status: "cancel_requested" });
  expect(taskIn(await service.delete(aliceTask(id)))).toMatchObject({ ...whole, status: "cancel_requested" });
}

test("a record that has everything is answered byte for byte", async () => {
  const id = await submit(service);
  const raw = await service.redis.client.get(keys.record(id));
  expect((await service.get(aliceTask(id))).text).toBe(`{"task":${raw}}`);
});
