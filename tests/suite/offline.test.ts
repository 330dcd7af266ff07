import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { inject } from "vitest";
import { freePort } from "../../local/redis-server.ts";
import { useBuild } from "../support/build.ts";
import { until } from "../support/until.ts";
import { describeBehaviour } from "./behaviour.ts";
import { environmentOf, overHttp } from "./runtime.ts";

const root = join(import.meta.dirname, "..", "..");

/** A copy of what serverless reads, beside the run's own bundles. */
async function prepareService(dist: string): Promise<string> {
  const directory = join(inject("runDirectory"), "offline");
  await mkdir(directory);
  for (const file of ["serverless.yml", "serverless.functions.yml", "package.json"]) {
    await cp(join(root, file), join(directory, file));
  }
  await symlink(join(root, "node_modules"), join(directory, "node_modules"));
  await symlink(dist, join(directory, "dist"));
  return directory;
}

describeBehaviour("serverless-offline", async (settings) => {
  const { dist } = await useBuild();
  const cwd = await prepareService(dist);
  const [http, lambda] = [await freePort(), await freePort()];
  const child = spawn(
    process.execPath,
    [
      join(root, "node_modules", "serverless", "bin", "serverless.js"),
      ..."offline start --stage offline --host 127.0.0.1".split(" "),
      `--httpPort=${http}`,
      `--lambdaPort=${lambda}`,
    ],
    {
      cwd,
      stdio: "ignore",
      env: {
        PATH: process.env.PATH,
        HOME: cwd,
        AWS_ACCESS_KEY_ID: "offline",
        AWS_SECRET_ACCESS_KEY: "offline",
        ...environmentOf(settings),
      },
    },
  );
  const address = `http://127.0.0.1:${http}`;
  const gone = once(child, "exit");
  await until(async () => (await fetch(`${address}/healthz`)).ok || child.exitCode !== null, { timeoutMs: 50_000 });
  const invocation = `http://127.0.0.1:${lambda}/2015-03-31/functions/dms-frontend-offline-dispatcher/invocations`;
  return {
    send: overHttp(address),
    wake: async () => {
      await fetch(invocation, { method: "POST", body: "{}" });
    },
    async stop() {
      child.kill("SIGTERM");
      await gone;
    },
  };
});
