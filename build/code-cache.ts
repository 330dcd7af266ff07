import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { freePort } from "../local/redis-server.ts";
import { variables } from "../shared/config.ts";
import type { BuiltFunction } from "./index.ts";
import { startRedisStandIn } from "./redis-stand-in.ts";

/** A function that is started, and what it is asked. */
type Warmed = Pick<BuiltFunction, "name" | "routes">;

/** Bundles that are started at once. */
const parallel = 2;

/**
 * Starts every server bundle once and keeps what V8 has compiled by its first answers in `<name>.cache` beside it. The
 * cache serves the same version of Node on the same kind of machine; any other ignores it.
 */
export async function writeCodeCaches(functions: readonly Warmed[], directory: string): Promise<void> {
  const redis = await startRedisStandIn();
  const waiting = [...functions];
  const work = async () => {
    for (let fn = waiting.shift(); fn; fn = waiting.shift()) await warmUp(fn, directory, redis.url);
  };
  await Promise.all(Array.from({ length: parallel }, work));
  redis.close();
}

async function warmUp({ name, routes }: Warmed, directory: string, redis: string): Promise<void> {
  const bundle = join(directory, "server", `${name}.cjs`);
  // A client would fill the braces; any text does.
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
  if (code !== 0) throw new Error(`${bundle} could not be started to be warmed up`);
}
