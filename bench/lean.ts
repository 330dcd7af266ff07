import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "../build/bundle.ts";
import { writeCodeCaches } from "../build/code-cache.ts";
import { findFunctions } from "../build/functions.ts";
import { lean, replacements } from "../build/lean.ts";
import { patched, patches } from "../build/patches.ts";
import { startRedisStandIn } from "../build/redis-stand-in.ts";
import { measureStart, median } from "./cold/start.ts";

/** How often each build is started; on a busy machine, fewer say nothing. */
const rounds = Number(process.argv[2] ?? 100);
const method = "GET";
const path = "/api/v1/services/sync/users";
/** Together they have all that is changed. */
const functions = (await findFunctions()).filter(({ name }) => name === "list-users" || name === "dispatcher");
const directory = await mkdtemp(join(tmpdir(), "dms-lean-"));
const redis = await startRedisStandIn();
try {
  const every = "every change";
  const names = [every, ...[...replacements, ...patches].map(({ name }) => name)];
  const times = new Map(names.map((name) => [name, [] as number[]]));
  for (const name of names) await buildWithout(name);
  for (let round = 0; round < rounds; round += 1) {
    // In turns, so that whatever else the machine does meets all builds alike.
    for (const [name, list] of times) {
      const start = { bundle: join(directory, name, "server", "list-users.cjs"), method, path };
      const { cpuMs } = await measureStart(start, { DMS_REDIS_WRITE_URL: redis.url });
      list.push(cpuMs);
    }
  }
  const whole = times.get(every) ?? [];
  const sizes = await sizesOf(every);
  process.stdout.write(
    `What each change saves: KB of list-users and of the dispatcher, CPU ms of ${rounds} cold starts\n`,
  );
  for (const [name, list] of times) {
    const saved = list.map((ms, round) => ms - (whole[round] ?? 0));
    const mean = saved.reduce((sum, ms) => sum + ms, 0) / rounds;
    const error = Math.sqrt(saved.reduce((sum, ms) => sum + (ms - mean) ** 2, 0)) / rounds;
    const kilobytes = (await sizesOf(name)).map((size, index) => ((size - (sizes[index] ?? 0)) / 1000).toFixed(0));
    const figures = `${median(saved).toFixed(1)} median, ${mean.toFixed(1)} ± ${error.toFixed(1)} mean`;
    process.stdout.write(`${name.padEnd(20)}${kilobytes.map((text) => text.padStart(5)).join("")}  ${figures}\n`);
  }
} finally {
  redis.close();
  await rm(directory, { recursive: true });
}

/** Into a directory of the change's name. */
async function buildWithout(name: string): Promise<void> {
  const others = <Change extends { name: string }>(list: readonly Change[]) =>
    list.filter((each) => each.name !== name);
  const folder = join(directory, name);
  await bundle(functions, "server", folder, [lean("server", others(replacements)), patched(others(patches))]);
  const routes = [{ method, path }];
  await writeCodeCaches(
    functions.map((fn) => ({ name: fn.name, routes: fn.kind === "http" ? routes : [] })),
    folder,
  );
}

function sizesOf(name: string): Promise<number[]> {
  const size = async (fn: string) => (await stat(join(directory, name, "server", `${fn}.cjs`))).size;
  return Promise.all(functions.map((fn) => size(fn.name)));
}
