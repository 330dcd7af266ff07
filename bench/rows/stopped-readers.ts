import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { request } from "undici";
import { bundle } from "../../build/bundle.ts";
import { bundleName, findFunctions } from "../../build/functions.ts";
import { startFunctionProcess } from "../../local/function-process.ts";
import { populate } from "../populate.ts";
import { alice, serviceSettings, submitPath } from "../requests.ts";
import type { Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import { memoryOf, openStoppedReaders } from "../stopped-readers.ts";

const readers = 100;
const tasks = 1000;
/** The maximum size of a task's parameters. In bytes. */
const parameterBytes = 64 * 1024;

/** The peak memory of a function while clients request a long list and read nothing of it. Needs Linux. */
export const stoppedReaders: Row = {
  name: "stopped-readers",
  async measure(stage) {
    if (process.platform !== "linux") return [];
    const redis = await stage.redis();
    await populate(redis.port, alice, tasks, { filler: "x".repeat(parameterBytes - "filler".length) });
    const { port, pid } = await startList(stage, redis.url);
    const { now: idle } = await memoryOf(pid);
    const stopped = await openStoppedReaders(port, submitPath, readers);
    stage.onClose(() => stopped.close());
    await untilSettled(port, pid);
    const { peak } = await memoryOf(pid);
    const name = `peak memory, ${readers} stopped readers`;
    const against = { name: "idle", value: idle };
    return [{ name, value: peak, unit: "MiB", against, goal: { of: "value", below: 200 } }];
  },
};

/** Starts the deployed form of the function that lists a user's tasks. */
async function startList(stage: Stage, redisUrl: string): Promise<{ port: number; pid: number }> {
  const folder = await mkdtemp(join(tmpdir(), "dms-bench-"));
  stage.onClose(() => rm(folder, { recursive: true }));
  const list = (await findFunctions()).filter(({ name }) => name === "list-tasks");
  await bundle(list, "server", folder);
  const children = new Set<ChildProcess>();
  const closing = new AbortController();
  stage.onClose(() => {
    closing.abort();
    for (const child of children) child.kill("SIGKILL");
  });
  const [fn] = list;
  if (!fn) throw new Error("function list-tasks not found");
  const { port, child } = await startFunctionProcess({
    name: fn.name,
    bundle: join(folder, "server", bundleName(fn)),
    environment: { ...process.env, ...serviceSettings(redisUrl) },
    children,
    onLine: undefined,
    signal: closing.signal,
  });
  return { port, pid: child.pid ?? Number.NaN };
}

/** Resolves when other requests are answered promptly again, and the peak has been stable for a while. */
async function untilSettled(port: number, pid: number): Promise<void> {
  let before = Number.NaN;
  for (let same = 0; same < 3; ) {
    const from = performance.now();
    for (let count = 0; count < 10; count += 1) {
      const { body } = await request(`http://127.0.0.1:${port}${submitPath}?limit=1`);
      await body.dump();
    }
    const { peak } = await memoryOf(pid);
    same = peak === before && performance.now() - from < 1000 ? same + 1 : 0;
    before = peak;
  }
}
