import { once } from "node:events";
import { freePort } from "../../local/redis-server.ts";
import { useBuild } from "../support/build.ts";
import { serviceCopy, spawnServerless } from "../support/serverless.ts";
import { until } from "../support/until.ts";
import { describeBehaviour } from "./behaviour.ts";
import { environmentOf, overHttp } from "./runtime.ts";

describeBehaviour("serverless-offline", async (settings) => {
  const { dist } = await useBuild();
  const directory = await serviceCopy(dist, "offline");
  const [http, lambda] = [await freePort(), await freePort()];
  const child = spawnServerless(
    directory,
    ["offline", "start", "--stage", "offline", "--host", "127.0.0.1", `--httpPort=${http}`, `--lambdaPort=${lambda}`],
    environmentOf(settings),
  );
  const address = `http://127.0.0.1:${http}`;
  const exited = once(child, "exit");
  await until(async () => (await fetch(`${address}/healthz`)).ok || child.exitCode !== null, { timeoutMs: 150_000 });
  const invocation = `http://127.0.0.1:${lambda}/2015-03-31/functions/dms-frontend-offline-dispatcher/invocations`;
  return {
    send: overHttp(address),
    wake: async () => {
      await fetch(invocation, { method: "POST", body: "{}" });
    },
    async stop() {
      child.kill("SIGTERM");
      await exited;
    },
  };
});
