import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import type { AcceptedTask } from "../support/audit.ts";
import type { Stage } from "../support/stage.ts";
import type { Action } from "./actions.ts";

/** Carries actions out and remembers what must hold from then on. */
export interface Actor {
  readonly accepted: ReadonlyMap<string, AcceptedTask>;
  /** When a task's owner got the answer that it was cancelled before it was submitted, in ms since the epoch. */
  readonly cancelledUnsent: ReadonlyMap<string, number>;
  /** Dispatchers that were killed. */
  readonly killed: () => number;
  /** Begins an action without waiting for its end. */
  act(action: Action): void;
  /** Resolves when all that was begun has ended; fails when something was not as it must be. */
  settle(): Promise<void>;
  /** Ends faults, blocks and pauses. */
  heal(): Promise<void>;
}

/** An actor whose users nobody has used before. */
export function createActor(stage: Stage, run: number): Actor {
  const { client, scheduler, dispatchers } = stage;
  const accepted = new Map<string, AcceptedTask>();
  const cancelledUnsent = new Map<string, number>();
  const begun: Promise<unknown>[] = [];
  let killed = 0;
  const nameOf = (user: number) => `user-${run}-${user}`;

  async function submit(user: string, parameters: Record<string, string>): Promise<void> {
    const task = await client.submit(user, parameters);
    if (!task) throw new Error("a submission was not accepted");
    accepted.set(task.id, { ...task, want: "none", refused: parameters.refuse !== undefined });
  }

  function want(task: AcceptedTask, wanted: "cancel" | "delete"): void {
    if (accepted.get(task.id)?.want !== "delete") accepted.set(task.id, { ...task, want: wanted });
  }

  async function cancel(task: AcceptedTask): Promise<void> {
    want(task, "cancel");
    const shown = await client.cancel(task);
    if (!shown) return expect(accepted.get(task.id)?.want).toBe("delete");
    expect(shown.status).toMatch(/^(cancel_requested|cancelled|completed|failed)$/);
    if (shown.logs.at(-1)?.endsWith(",Cancelled before it was submitted")) cancelledUnsent.set(task.id, Date.now());
  }

  async function remove(task: AcceptedTask): Promise<void> {
    want(task, "delete");
    await client.delete(task);
    expect(await client.get(task)).toBeUndefined();
    expect((await client.list(task.user)).map(({ task_id }) => task_id)).not.toContain(task.id);
  }

  async function kill(dispatcher: number, down: number): Promise<void> {
    const victim = dispatchers[dispatcher];
    if (!victim || victim.address === "") return;
    killed += 1;
    await victim.kill();
    await pause(down);
    await victim.start();
  }

  async function disconnect(ms: number): Promise<void> {
    await scheduler.listen(false);
    await pause(ms);
    await scheduler.listen(true);
  }

  async function perform(action: Action): Promise<void> {
    const task = "task" in action ? [...accepted.values()][action.task % accepted.size] : undefined;
    switch (action.do) {
      case "submit": {
        const parameters = { ms: String(action.ms), ...(action.refused ? { refuse: "no such path" } : {}) };
        return submit(nameOf(action.user), parameters);
      }
      case "cancel":
        return task && cancel(task);
      case "delete":
        return task && remove(task);
      case "late write":
        if (!task) return;
        await scheduler.lateWrite(task.id, action.ms);
        return remove(task);
      case "block":
      case "unblock":
        return scheduler.block(action.do === "block", nameOf(action.user), action.published);
      case "pause":
      case "resume":
        return void (await client.operate("POST", `/dispatch/${action.do}`));
      case "fault":
        return scheduler.fault(action.fault);
      case "no faults":
        return scheduler.noFaults();
      case "refuse connections":
        return disconnect(action.ms);
      case "kill":
        return kill(action.dispatcher, action.down);
    }
  }

  return {
    accepted,
    cancelledUnsent,
    killed: () => killed,
    act(action) {
      const done = perform(action);
      // `settle` reports its failure, and must not end the process before.
      done.catch(() => {});
      begun.push(done);
    },
    async settle() {
      await Promise.all(begun.splice(0));
    },
    async heal() {
      await scheduler.noFaults();
      await scheduler.listen(true);
      for (const { user } of accepted.values()) await scheduler.block(false, user);
      await client.operate("POST", "/dispatch/resume");
    },
  };
}
