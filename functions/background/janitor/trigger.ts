import { backgroundFunction } from "../../../shared/runtime/background.ts";
import { runJanitor } from "./janitor.ts";

export default backgroundFunction({
  name: "janitor",
  summary: "Brings the indexes in line with the records",
  open({ config, log, store }) {
    return {
      async round({ signal }) {
        const { adopted, dropped, retired, buried } = await store.repair(signal);
        log.info({ adopted, dropped, retired, buried }, "janitor's round is done");
        const handled = adopted + dropped + retired + buried;
        return { handled, left: 0, nextDueSeconds: null, complete: !signal.aborted };
      },
      reside: (signal) => runJanitor(store, log, config.janitorIntervalSeconds, signal),
      close: async () => {},
    };
  },
});
