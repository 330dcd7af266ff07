import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import { z } from "zod";
import { receiptsOf } from "../receipts.ts";
import { serviceSettings, submitTarget } from "../requests.ts";
import { percentile } from "../rounds.ts";
import type { Row } from "../row.ts";

const perSecond = 100;
const submitted = z.object({ task_id: z.string() });

/** The time from the 202 to the receipt of a task by the scheduler, at a steady rate, with a resident dispatcher. */
export const receipt: Row = {
  name: "receipt",
  async measure(stage) {
    const redis = await stage.redis();
    const scheduler = await stage.start("scheduler", {});
    const settings = serviceSettings(redis.url, scheduler.address);
    const frontend = await stage.start("frontend", settings);
    const dispatcher = await stage.start("dispatcher", { ...settings, DMS_EVENT_WORKER_COUNT: "32" });
    await dispatcher.ask({ verb: "start" }, z.unknown());
    const client = new Pool(frontend.address, { connections: 16 });
    stage.onClose(() => client.destroy());

    const latencies = async (seconds: number) => {
      const answered = await submitSteadily(client, seconds * perSecond);
      const received = await receiptsOf(scheduler, answered.size);
      return [...answered].map(([id, at]) => (received.get(id) ?? Number.NaN) - at);
    };
    await latencies(2);
    const measured = await latencies(stage.effort.quick ? 3 : 10);
    const name = `202 to receipt at ${perSecond}/s`;
    return [
      { name: `${name}, p50`, value: percentile(measured, 0.5), unit: "ms", goal: { of: "value", below: 5 } },
      { name: `${name}, p99`, value: percentile(measured, 0.99), unit: "ms", goal: { of: "value", below: 25 } },
    ];
  },
};

/** Submits at a fixed rate, independent of the answers. @returns when each was answered, in ms since the epoch, by task id */
async function submitSteadily(client: Pool, count: number): Promise<Map<string, number>> {
  const answered = new Map<string, number>();
  const submit = async () => {
    const { body } = await client.request({ method: "POST", path: submitTarget });
    const at = performance.timeOrigin + performance.now();
    answered.set(submitted.parse(await body.json()).task_id, at);
  };
  const startedAt = performance.now();
  const pending: Promise<void>[] = [];
  for (let index = 0; index < count; index += 1) {
    await delay(Math.max(0, startedAt + (index * 1000) / perSecond - performance.now()));
    pending.push(submit());
  }
  await Promise.all(pending);
  return answered;
}
