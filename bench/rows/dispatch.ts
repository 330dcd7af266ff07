import { Queue } from "bullmq";
import { z } from "zod";
import { createContext, createTaskStore, dispatchGroup, keys } from "../../task-state/index.ts";
import type { BenchProcess } from "../process.ts";
import { receiptsOf } from "../receipts.ts";
import { alice, parameters, serviceSettings } from "../requests.ts";
import { alternate, median } from "../rounds.ts";
import type { Row } from "../row.ts";
import type { StageRedis } from "../stage.ts";

const inFlight = "32";
/** Fewer than in other rows, because each round fills a queue first. */
const rounds = 3;
/** Tasks that are queued concurrently while a round is prepared. */
const piece = 500;

/** The rate at which a queue of tasks is sent to a scheduler that answers at once, compared with a BullMQ worker. */
export const dispatch: Row = {
  name: "dispatch",
  async measure(stage) {
    const tasks = stage.effort.quick ? 5000 : 20_000;
    const redis = await stage.redis();
    const scheduler = await stage.start("scheduler", {});
    const settings = {
      ...serviceSettings(redis.url, scheduler.address),
      DMS_EVENT_WORKER_COUNT: inFlight,
      queue: "bench",
    };
    const dispatcher = await stage.start("dispatcher", settings);
    const bullmq = await stage.start("bullmq-worker", settings);
    const round = async (worker: BenchProcess, fill: () => Promise<void>) => {
      await redis.client.flushall();
      await fill();
      const [receipts] = await Promise.all([receiptsOf(scheduler, tasks), worker.ask({ verb: "start" }, z.unknown())]);
      const times = [...receipts.values()];
      await worker.ask({ verb: "stop" }, z.unknown());
      return ((tasks - 1) / (Math.max(...times) - Math.min(...times))) * 1000;
    };
    const rates = await alternate(rounds, {
      bullmq: () => round(bullmq, () => fillBullmq(redis, settings.queue, tasks)),
      ours: async () => {
        const rate = await round(dispatcher, () => fillOurs(redis, tasks));
        const [pending] = await redis.client.xpending(keys.work, dispatchGroup);
        if (pending !== 0) throw new Error(`${pending} tasks were sent but not acknowledged`);
        return rate;
      },
    });
    const line = (name: string) => ({ name, value: median(rates.ours), unit: "/s" as const, rounds: rates.ours });
    const against = { name: "BullMQ", value: median(rates.bullmq), rounds: rates.bullmq };
    return [
      { ...line(`dispatch, ${inFlight} in flight`), goal: { of: "value", atLeast: 8000 } },
      { ...line("dispatch against BullMQ"), against, goal: { of: "ratio", atLeast: 1 } },
    ];
  },
};

async function fillOurs({ client }: StageRedis, tasks: number): Promise<void> {
  const store = createTaskStore(createContext({ primary: client }));
  for (let done = 0; done < tasks; done += piece) {
    await Promise.all(Array.from({ length: piece }, () => store.submit(alice, parameters)));
  }
}

async function fillBullmq({ url }: StageRedis, name: string, tasks: number): Promise<void> {
  const queue = new Queue(name, { connection: { url } });
  for (let done = 0; done < tasks; done += piece) {
    const data = (index: number) => ({
      task_id: String(done + index + 1),
      service: alice.service,
      user_id: alice.user,
      parameters,
    });
    await queue.addBulk(Array.from({ length: piece }, (_, index) => ({ name: "task", data: data(index) })));
  }
  await queue.close();
}
