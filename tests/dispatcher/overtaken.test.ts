import { expect, test } from "vitest";
import { createCircuitBreaker } from "../../functions/background/dispatcher/limits/circuit-breaker.ts";
import { createSubmissionFastPath } from "../../functions/background/dispatcher/reconcile/fast-path.ts";
import { reconcile } from "../../functions/background/dispatcher/reconcile/reconcile.ts";
import type { Reconciliation } from "../../functions/background/dispatcher/reconcile/reconciliation.ts";
import { createLogger } from "../../shared/logger.ts";
import { claim, ensureGroup, keys, readEntries } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { change, contents } from "../task-state/support.ts";
import type { SchedulerReply } from "./scheduler.ts";
import { useDispatcher } from "./support.ts";
import { policy } from "./view.ts";

const bench = useDispatcher();

/** All that Redis holds of a task. */
async function task(id: string): Promise<unknown[]> {
  const all = await contents(bench.redis.client);
  return [keys.record(id), keys.sidecar(id), keys.due, keys.parked("alice")].map((key) => all[key]);
}

const byAnother = () => ({ lease: "other", leaseUntil: Date.now() + 60_000, attempts: 2, tries: 2 });

test.each<SchedulerReply>([202, 400, 404, 429, 500, 503, { status: 403, detail: "Requests are blocked" }, "reset"])(
  "a dispatcher whose task was taken over during its submission leaves it to the other one, though it ends with %j",
  async (reply) => {
    const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
    bench.scheduler.answer(() => promise);
    const id = await bench.submit();
    const dispatcher = await bench.start({ DMS_SHUTDOWN_GRACE_SECONDS: "5" });
    await until(() => bench.scheduler.requests.length === 1);
    await change(bench.context, id, { sidecar: byAnother() });
    const before = await task(id);
    resolve(reply);
    await dispatcher.stop();
    expect(await task(id)).toEqual(before);
  },
);

test.each(["queued", "sending"] as const)(
  "a dispatcher whose task was taken over before it began, and is %s by now, begins nothing",
  async (phase) => {
    const id = await bench.submit();
    await ensureGroup(bench.redis.client);
    const entries = await readEntries(bench.redis.client, { consumer: "one", count: 1, blockMs: 0 });
    const {
      claimed: [claimed],
    } = await claim(bench.context, entries, { holder: "one", leaseMs: policy.lease });
    if (!claimed) throw new Error("not claimed");
    await change(bench.context, id, { sidecar: { ...byAnother(), phase, checkAt: Date.now() + 60_000 } });
    const before = await task(id);
    const never = () => Promise.reject(new Error("sent"));
    const reconciliation: Reconciliation = {
      context: bench.context,
      client: { submit: never, cancel: never, close: async () => {} },
      policy,
      log: createLogger({ appName: "test", logLevel: "fatal" }),
      breaker: createCircuitBreaker(policy),
      fastPath: createSubmissionFastPath(bench.context, policy),
      holder: "one",
      stopping: new AbortController().signal,
      forceStop: new AbortController().signal,
    };
    await reconcile(reconciliation, claimed, { release() {}, reacquire() {} });
    expect(await task(id)).toEqual(before);
  },
);
