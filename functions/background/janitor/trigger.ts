import { backgroundFunction } from "../../../shared/runtime/background.ts";
import { mend, runJanitor } from "./janitor.ts";

export default backgroundFunction({
  name: "janitor",
  summary: "Brings the indexes in line with the records",
  open(services) {
    return {
      async round({ signal }) {
        const handled = await mend(services, signal);
        return { handled, left: 0, nextDueSeconds: null, complete: !signal.aborted };
      },
      reside: (signal) => runJanitor(services, services.config.janitorIntervalSeconds, signal),
      close: async () => {},
    };
  },
});
