import { backgroundFunction } from "../../../shared/runtime/background/background.ts";
import { mend, runJanitor } from "./janitor.ts";

export default backgroundFunction({
  name: "janitor",
  summary: "Brings the indexes in line with the records",
  // A round cut short begins anew; this is what a Knative Service gives by default (300 s), with room for its answer.
  maxRunSeconds: 270,
  duties: ["read", "change", "repair"],
  open(services) {
    return {
      async run({ signal }) {
        const handled = await mend(services, signal);
        return { handled, left: 0, nextDueSeconds: null, complete: !signal.aborted };
      },
      runResident: (signal) => runJanitor(services, services.config.janitorIntervalSeconds, signal),
      close: async () => {},
    };
  },
});
