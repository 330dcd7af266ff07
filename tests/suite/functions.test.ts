import { join } from "node:path";
import { startFunctions } from "../../local/functions.ts";
import { useBuild } from "../support/build.ts";
import { describeBehaviour } from "./behaviour.ts";
import { environmentOf, overHttp } from "./runtime.ts";

const base = join(import.meta.dirname, "..", "..", "knative", "base");

describeBehaviour("a process for each function behind the gateway's routes", async (settings) => {
  const { dist } = await useBuild();
  const functions = await startFunctions({
    environment: environmentOf(settings),
    dist,
    manifests: [join(base, "routes.yaml"), join(base, "gateway.yaml")],
    host: "127.0.0.1",
    port: 0,
  });
  return { send: overHttp(functions.address), stop: () => functions.stop() };
});
