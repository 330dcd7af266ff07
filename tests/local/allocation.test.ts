import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { freePort } from "../../local/redis-server.ts";
import { useBuild } from "../support/build.ts";

const run = promisify(execFile);
const module = new URL("../../shared/runtime/allocation.ts", import.meta.url).href;

/** V8's decisions about long-lived objects after the prelude has run; one line per allocation site. */
async function decisions(prelude: string): Promise<string[]> {
  const script = `${prelude}
    (await import("node:fs")).writeSync(1, "begin\\n");
    const kept = [];
    const make = (index) => ({ index, list: [index], inner: { index } });
    for (let index = 0; index < 300_000; index += 1) kept.push(make(index));
    process.exit();`;
  const flags = ["--trace-pretenuring-statistics", "--input-type=module", "--eval", script];
  const env = { PORT: String(await freePort()), DMS_REDIS_WRITE_URL: "redis://127.0.0.1:1" };
  const { stdout } = await run(process.execPath, flags, { maxBuffer: 64 * 1024 * 1024, env });
  const [, trace = ""] = stdout.split("begin\n");
  return trace.split("\n").filter((line) => /AllocationSite.*tenure/.test(line));
}

test("long-lived objects do not make V8 allocate in the old generation", async () => {
  expect((await decisions("")).length).toBeGreaterThan(0);
  expect(await decisions(`(await import(${JSON.stringify(module)})).allocateYoung();`)).toEqual([]);
});

test("nor do they in a server bundle", async () => {
  const { dist } = await useBuild();
  expect(
    await decisions(`
    await import(${JSON.stringify(join(dist, "server", "help.cjs"))});
    while (!(await fetch("http://127.0.0.1:" + process.env.PORT + "/livez").catch(() => false))) {}`),
  ).toEqual([]);
});
