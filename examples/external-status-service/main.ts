import { setTimeout as pause } from "node:timers/promises";
import { createContext, createTaskStore, type RecordChange } from "dms-frontend/task-state";
import { Redis } from "ioredis";

/**
 * A service that shows its own work as a task: it registers a task, publishes its progress, and ends it.
 * REDIS_URL: the Redis with the tasks. STEP_MS: duration of each simulated step.
 */
const { REDIS_URL, STEP_MS = "1000" } = process.env;
const owner = { service: "index", user: "alice" };
const directories = ["/pvs/a", "/pvs/b", "/pvs/c"];

async function work(redis: Redis): Promise<void> {
  const store = createTaskStore(createContext({ primary: redis }));
  // Registered, not submitted: the dispatcher ignores the task.
  const id = await store.register(owner, { path: directories.join(",") });
  say(`task ${id} is registered`);

  /** Publishes a change; false when the work must stop. */
  async function publish(change: RecordChange): Promise<boolean> {
    const update = await store.update(id, change);
    switch (update.outcome) {
      case "updated":
        say(`task ${id} is ${update.record.status}: ${change.logs?.join("; ")}`);
        return true;
      case "not_found":
        say(`task ${id} was deleted; nothing is left to do`);
        return false;
      case "refused":
        // The owner has cancelled the task, and this service confirms when its work has stopped.
        if (update.from === "cancel_requested")
          await store.update(id, { status: "cancelled", logs: ["Indexing stopped"] });
        say(`task ${id} was cancelled; the work is stopped`);
        return false;
    }
  }

  if (!(await publish({ status: "running", logs: ["Indexing started"] }))) return;
  for (const [done, directory] of directories.entries()) {
    await pause(Number(STEP_MS));
    const progress = `${done + 1} of ${directories.length} directories indexed`;
    const result = { pod_status: null, launcher_output: progress };
    // Each step repeats the status, so that a cancellation refuses the step.
    if (!(await publish({ status: "running", logs: [`Indexed ${directory}`], result }))) return;
  }
  await publish({ status: "completed", logs: ["Indexing completed"] });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (REDIS_URL === undefined) {
  process.stderr.write("REDIS_URL is not set: set it to the Redis with the tasks, such as redis://127.0.0.1:6379/0\n");
  process.exitCode = 1;
} else {
  const redis = new Redis(REDIS_URL);
  try {
    await work(redis);
  } finally {
    redis.disconnect();
  }
}
