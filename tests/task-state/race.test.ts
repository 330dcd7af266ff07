import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { commit, createTaskStore, enforceTombstones, keys, readView } from "../../task-state/index.ts";
import { parseRecord } from "../support/record.ts";
import { useRedis } from "../support/redis.ts";
import { alice, change, openStore, piecesOf, readable, stages, taskIn, tracesOf, workIds } from "./support.ts";

const redis = useRedis();
const memory = [keys.deleted, keys.deletedOwners];
const rounds = 4;

/**
 * Rewrites the whole record as the scheduler does: what it does not know is dropped, what others wrote meanwhile is lost.
 * Few enough times that no other writer runs out of tries.
 */
async function rewrite(connection: Redis, id: string, times = 8): Promise<void> {
  for (let count = 0; count < times; count += 1) {
    const record = parseRecord((await connection.get(keys.record(id))) ?? "");
    if (!record) return;
    const { task_id, service, user_id, status, parameters, created_at, updated_at, logs } = record;
    const known = { task_id, service, user_id, status, parameters, created_at, updated_at, logs };
    const result = { pod_status: "Running", launcher_output: `Copied ${count} items` };
    await connection.set(keys.record(id), JSON.stringify({ ...known, result }), "EX", 7_776_000);
  }
}

/** The store over several connections, so that its commands really interleave. */
function openStores(count: number) {
  return Array.from({ length: count }, () => openStore(redis, { primary: redis.connect() }).store);
}

/** The record of a registered task is written by its service, compare-and-set like every write of this library. */
const rewritten = stages.filter((stage) => stage !== "registered");

test.each(rewritten)("a %s task that is cancelled amid rewrites is still wanted cancelled", async (stage) => {
  const opened = openStore(redis);
  const [first = opened.store, second = opened.store] = openStores(2);
  const rewriter = redis.connect();
  for (let round = 0; round < rounds; round += 1) {
    const id = await taskIn(stage, opened);
    const [, ...shown] = await Promise.all([
      rewrite(rewriter, id),
      first.cancel(id, alice),
      second.cancel(id, alice),
      opened.store.update(id, { logs: ["other news"] }),
    ]);
    for (const raw of shown.slice(0, 2)) expect(String(raw)).toMatch(/"status":"cancel(_requested|led)"/);
    const { sidecar, record, deleted } = await readView(opened.context, id);
    expect(deleted).toBe(false);
    expect(sidecar?.want).toBe("cancel");
    expect(record?.task_id).toBe(id);
    const entries = stage === "queued" ? [id] : expect.arrayContaining([id]);
    expect((await workIds(redis.client)).filter((entry) => entry === id)).toEqual(entries);
  }
});

test.each(stages)(
  "a %s task that is deleted amid cancellations and rewrites is gone and leaves nothing",
  async (stage) => {
    const opened = openStore(redis);
    const [first = opened.store, second = opened.store, third = opened.store] = openStores(3);
    const rewriter = redis.connect();
    for (let round = 0; round < rounds; round += 1) {
      const id = await taskIn(stage, opened);
      const [, cancelled, ...deleted] = await Promise.all([
        rewrite(rewriter, id),
        first.cancel(id, alice),
        second.delete(id, alice),
        third.delete(id, alice),
      ]);
      expect(deleted.filter((raw) => raw !== undefined)).toHaveLength(1);
      if (cancelled !== undefined) expect(cancelled).toMatch(/"status":"cancel(_requested|led)"/);

      expect(await opened.store.get(id)).toBeUndefined();
      expect((await opened.store.page(alice, { limit: 100, order: "asc" })).tasks).toEqual([]);
      expect((await piecesOf(opened.store.all({}))).flat()).toEqual([]);
      const view = await readView(opened.context, id);
      expect(view.deleted).toBe(true);
      if (view.sidecar) {
        // Hidden: the dispatcher has an entry, and continues once the scheduler has confirmed.
        expect(view.sidecar.want).toBe("delete");
        expect(await workIds(redis.client)).toContain(id);
        expect(view.raw).not.toBeNull();
        await change(opened.context, id, { remove: "purge" });
      }
      await enforceTombstones(opened.context);
      expect(await tracesOf(redis.client, id)).toEqual(memory);
      expect(await opened.store.users("sync")).toEqual([]);
    }
  },
);

const sending = { record: { status: "dispatching" }, sidecar: { phase: "sending" } } as const;

test("a dispatcher that saw the task before its cancellation does not get to send it", async () => {
  const opened = openStore(redis);
  const view = await readView(opened.context, await taskIn("queued", opened));
  await opened.store.cancel(view.id, alice);
  expect(await commit(opened.context, view, sending)).toBeUndefined();
  expect(readable(await opened.store.get(view.id)).status).toBe("cancelled");
});

test("a dispatcher that saw the task before its deletion does not get to send it", async () => {
  const opened = openStore(redis);
  const view = await readView(opened.context, await taskIn("queued", opened));
  await opened.store.delete(view.id, alice);
  expect(await commit(opened.context, view, sending)).toBeUndefined();
  expect(await tracesOf(redis.client, view.id)).toEqual(memory);
});

test.each(["cancel", "delete"] as const)("a %s decided before the submission began is decided anew", async (verb) => {
  const opened = openStore(redis);
  const view = await readView(opened.context, await taskIn("queued", opened));
  let begun: Promise<unknown> | undefined;
  const clock = () => {
    // The verb asks for the time after its read and before its commit: the submission begins right there.
    begun ??= commit(opened.context, view, sending);
    return opened.context.clock();
  };
  const primary = redis.connect();
  const send = primary.sendCommand.bind(primary);
  primary.sendCommand = (command, stream) => {
    if (begun) begun.then(() => send(command, stream));
    else send(command, stream);
    return command.promise;
  };
  const slow = openStore(redis, { primary });
  const shown = await createTaskStore({ ...slow.context, clock })[verb](view.id, alice);
  expect(await begun).toBeDefined();
  expect(readable(shown).status).toBe(verb === "cancel" ? "cancel_requested" : "dispatching");
  expect(await readView(opened.context, view.id)).toMatchObject({
    record: { status: "dispatching" },
    sidecar: { phase: "sending", want: verb },
    deleted: verb === "delete",
  });
});

test("a cancelled task that a rewrite puts back to pending is still wanted cancelled", async () => {
  const opened = openStore(redis);
  const id = await taskIn("queued", opened);
  const before = (await redis.client.get(keys.record(id))) ?? "";
  await opened.store.cancel(id, alice);
  await redis.client.set(keys.record(id), before);
  expect(await readView(opened.context, id)).toMatchObject({
    record: { status: "pending" },
    sidecar: { want: "cancel" },
  });
  expect(readable(await opened.store.cancel(id, alice)).status).toBe("cancelled");
});
