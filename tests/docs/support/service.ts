import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { freePort } from "../../../local/redis-server.ts";
import { startProcess } from "../../cli/support/run.ts";
import { until } from "../../support/until.ts";
import type { Checkout } from "./checkout.ts";

/** What `npm start` runs in a checkout, on free ports. */
export interface ReadersService {
  readonly port: number;
  readonly redisPort: number;
  /** What it has written so far. */
  readonly output: { readonly stdout: string };
}

const owner = z.looseObject({ port: z.number() });
/** How long it may take to stop before it is killed, in ms. */
const stopLimit = 6000;

/** Starts the service as `npm start` does, with a private Redis in the checkout; both are stopped after the test. */
export async function startReadersService({ directory }: Checkout): Promise<ReadersService> {
  const port = await freePort();
  const started = startProcess(process.execPath, [join(directory, "local/start.ts")], {
    cwd: directory,
    env: { DMS_CLI_DEFAULT_PORT: String(port) },
  });
  onTestFinished(async () => {
    started.child.kill("SIGTERM");
    await Promise.race([started.over, pause(stopLimit, undefined, { ref: false })]);
  });
  await until(async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok, { timeoutMs: 60_000 });
  const state = await readFile(join(directory, ".dms/redis/owner.json"), "utf8");
  return { port, redisPort: owner.parse(JSON.parse(state)).port, output: started.output };
}
