import { createContext, createTaskStore } from "../../task-state/index.ts";
import { alice, getTarget, parameters, serviceSettings } from "../requests.ts";
import { alternate, median } from "../rounds.ts";
import type { Row } from "../row.ts";

/** The rate of reading one task, compared with a bare Fastify. */
export const getTask: Row = {
  name: "get",
  async measure(stage) {
    const redis = await stage.redis();
    const task = await createTaskStore(createContext({ primary: redis.client })).submit(alice, parameters);
    const ours = await stage.start("frontend", serviceSettings(redis.url));
    const ceiling = await stage.start("get-ceiling", { redis: redis.url, task });
    const rate = async (address: string) => {
      const load = await stage.load({ url: address + getTarget(task), method: "GET", connections: 32 });
      return load.perSecond;
    };
    const rounds = await alternate(stage.effort.rounds, {
      ceiling: () => rate(ceiling.address),
      ours: () => rate(ours.address),
    });
    return [
      {
        name: "get one task, 32 connections",
        value: median(rounds.ours),
        unit: "/s",
        rounds: rounds.ours,
        against: { name: "bare Fastify", value: median(rounds.ceiling), rounds: rounds.ceiling },
        goal: { of: "ratio", atLeast: 0.8 },
      },
    ];
  },
};
