import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { until } from "../support/until.ts";
import { change, contents } from "../task-state/support.ts";
import type { SchedulerReply } from "./scheduler.ts";
import { useDispatcher } from "./support.ts";

const bench = useDispatcher();

test.each<SchedulerReply>([202, 400, 404, 429, 500, 503, { status: 403, detail: "Requests are blocked" }, "reset"])(
  "a dispatcher whose task was taken over during its submission leaves it to the other one, though it ends with %j",
  async (reply) => {
    const { promise, resolve } = Promise.withResolvers<SchedulerReply>();
    bench.scheduler.answer(() => promise);
    const id = await bench.submit();
    const dispatcher = await bench.start({ DMS_SHUTDOWN_GRACE_SECONDS: "5" });
    await until(() => bench.scheduler.requests.length === 1);
    const leaseUntil = Date.now() + 60_000;
    await change(bench.context, id, { sidecar: { lease: "other", leaseUntil, attempts: 2, tries: 2 } });
    const task = async () => {
      const all = await contents(bench.redis.client);
      return [keys.record(id), keys.sidecar(id), keys.due, keys.parked("alice")].map((key) => all[key]);
    };
    const before = await task();
    resolve(reply);
    await dispatcher.stop();
    expect(await task()).toEqual(before);
  },
);
