import { useBuild } from "../support/build.ts";
import { describeBehaviour } from "./behaviour.ts";
import { context, loadHandler, overEvents } from "./lambda.ts";
import { environmentOf } from "./runtime.ts";

describeBehaviour("each Lambda handler, called with HTTP API events", async (settings) => {
  const build = await useBuild();
  // Each handler has its own logger, as in separate Lambda processes.
  process.setMaxListeners(0);
  // Handlers read the environment once, when they are loaded.
  Object.assign(process.env, environmentOf(settings));
  const dispatch = loadHandler(build, "dispatcher");
  return {
    send: overEvents(build),
    wake: async () => {
      await dispatch({ source: "aws.events" }, context);
    },
    stop: async () => {},
  };
});
