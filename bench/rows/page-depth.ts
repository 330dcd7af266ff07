import { Client } from "undici";
import { z } from "zod";
import { populate } from "../populate.ts";
import { alice, pageTarget, serviceSettings } from "../requests.ts";
import { alternate, median } from "../rounds.ts";
import type { Line, Row } from "../row.ts";
import type { Stage } from "../stage.ts";

const sizes = [1_000, 100_000, 1_000_000];

type PageOf = (size: number) => { readonly target: string; readonly first: number };

/** The requested pages out of `size` tasks, each with its first task. */
const pages: Readonly<Record<string, PageOf>> = {
  "first 100": () => ({ target: pageTarget(), first: 1 }),
  "middle 100": (size: number) => ({ target: pageTarget(`&cursor=${size / 2}`), first: size / 2 + 1 }),
  "newest 100": (size: number) => ({ target: pageTarget("&order=desc"), first: size }),
};

const shown = z.object({ tasks: z.array(z.object({ task_id: z.string() })) });

/** The latency of a page by the number of tasks: one request at a time, each size in its own Redis. */
export const pageDepth: Row = {
  name: "page-depth",
  async measure(stage) {
    const lists = [];
    for (const size of sizes) lists.push(await openList(stage, size));
    const lines: Line[] = [];
    for (const [name, pageOf] of Object.entries(pages)) {
      const [small, ...large] = await medians(lists, pageOf, stage.effort.quick ? 100 : 300);
      for (const { size, latency } of large) {
        lines.push({
          name: `${name} of ${size.toLocaleString("en")}`,
          value: latency,
          unit: "ms",
          against: { name: "of 1,000", value: small?.latency ?? Number.NaN },
          goal: { of: "ratio", below: 1.5 },
        });
      }
    }
    return lines;
  },
};

interface List {
  readonly size: number;
  readonly client: Client;
}

async function openList(stage: Stage, size: number): Promise<List> {
  const redis = await stage.redis();
  // Started before the tasks exist, so that the janitor's first sweep has nothing to check.
  const { address } = await stage.start("frontend", serviceSettings(redis.url));
  await populate(redis.port, alice, size);
  const client = new Client(address);
  stage.onClose(() => client.destroy());
  return { size, client };
}

async function medians(lists: readonly List[], pageOf: PageOf, requests: number) {
  const contenders = lists.map(({ size, client }) => {
    const { target, first } = pageOf(size);
    return [String(size), () => timePage(client, target, first)] as const;
  });
  const rounds = await alternate(requests, Object.fromEntries(contenders));
  return lists.map(({ size }) => ({ size, latency: median(rounds[size] ?? []) }));
}

async function timePage(client: Client, path: string, first: number): Promise<number> {
  const sentAt = performance.now();
  const { body } = await client.request({ method: "GET", path });
  const text = await body.text();
  const took = performance.now() - sentAt;
  const { tasks } = shown.parse(JSON.parse(text));
  if (tasks.length !== 100 || tasks[0]?.task_id !== String(first)) throw new Error(`${path} gave the wrong page`);
  return took;
}
