import { backgroundFunction } from "../../../shared/runtime/background/background.ts";
import { type DispatcherOptions, runDispatcher } from "./dispatcher.ts";
import { drain } from "./drain.ts";
import { policyOf } from "./limits/policy.ts";
import { createSchedulerClient } from "./scheduler/scheduler-client.ts";

export default backgroundFunction({
  name: "dispatcher",
  summary: "Sends accepted tasks and cancellations to the scheduler",
  roles: ["read", "change", "dispatch"],
  open({ config, context, log, redis }) {
    const client = createSchedulerClient(config, config.eventWorkerCount, log);
    const blocking = redis.openBlocking();
    const options: DispatcherOptions = {
      context,
      client,
      log,
      policy: policyOf(config),
      concurrency: config.eventWorkerCount,
      shutdownGrace: config.shutdownGraceSeconds * 1000,
    };
    return {
      run: (budget) => drain(options, blocking, budget),
      runResident: async (signal) => {
        await runDispatcher(options, blocking, signal);
      },
      close: () => client.close(),
    };
  },
});
