import { z } from "zod";
import type { BenchProcess } from "./process.ts";

const receipts = z.array(z.tuple([z.string(), z.number()]));

/**
 * The time at which the scheduler received each of `count` tasks, in ms since the epoch, by task id; resolves when it has
 * received all of them.
 * @throws Error when a task was received twice
 */
export async function receiptsOf(scheduler: BenchProcess, count: number): Promise<Map<string, number>> {
  const times = new Map(await scheduler.ask({ verb: "receipts", count }, receipts));
  if (times.size !== count) throw new Error(`the scheduler received ${times.size} different tasks instead of ${count}`);
  return times;
}
