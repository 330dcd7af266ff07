import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { freePort } from "../local/redis-server.ts";
import { variables } from "../shared/config.ts";
import type { BuiltFunction } from "./index.ts";
import { startRedisStandIn } from "./redis-stand-in.ts";

/** A function to start, and the routes to request. */
type WarmUp = Pick<BuiltFunction, "name" | "routes">;

/** Bundles that are started concurrently. */
const concurrency = 2;

/**
 * Starts every server bundle once and writes the code that V8 compiles for its first answers into `<name>.cache` beside
 * it. The cache is valid for the same version of Node on the same kind of machine; others ignore it.
 */
export async function writeCodeCaches(functions: readonly WarmUp[], directory: string): Promise<void> {
  const redis = await startRedisStandIn();
  const waiting = [...functions];
  const work = async () => {
    for (let fn = waiting.shift(); fn; fn = waiting.shift()) await warmUp(fn, directory, redis.url);
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  redis.close();
}

async function warmUp({ name, routes }: WarmUp, directory: string, redis: string): Promise<void> {
  const bundle = join(directory, "server", `${name}.cjs`);
  // Any text is a valid path parameter.
  const paths = routes.map(({ path }) => path.replaceAll(/[{}]/g, ""));
  const child = spawn(process.execPath, [join(import.meta.dirname, "warm-up.cjs"), bundle, "/healthz", ...paths], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PORT: String(await freePort()),
      [variables.host.name]: "127.0.0.1",
      [variables.redisWriteUrl.name]: redis,
    },
  });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`could not start ${bundle} to create its code cache`);
}
