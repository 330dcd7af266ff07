import { backgroundFunction } from "../../../shared/runtime/background/background.ts";
import { mend, runJanitor } from "./janitor.ts";

export default backgroundFunction({
  name: "janitor",
  summary: "Brings the indexes in line with the records",
  // An interrupted sweep starts anew. A Knative Service allows 300 s by default; the rest is for the answer.
  maxRunSeconds: 270,
  roles: ["read", "change", "repair"],
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
