import { serviceSettings, submitTarget } from "../requests.ts";
import { alternate, median } from "../rounds.ts";
import type { Row } from "../row.ts";

/** The rate of submissions, compared with a bare Fastify. */
export const submit: Row = {
  name: "submit",
  async measure(stage) {
    const redis = await stage.redis();
    const ours = await stage.start("frontend", serviceSettings(redis.url));
    const ceiling = await stage.start("submit-ceiling", { redis: redis.url });
    const rate = async (address: string) => {
      // Both start each round with an empty Redis; its scripts stay loaded.
      await redis.client.flushall();
      const load = await stage.load({ url: address + submitTarget, method: "POST", connections: 32 });
      return load.perSecond;
    };
    const rounds = await alternate(stage.effort.rounds, {
      ceiling: () => rate(ceiling.address),
      ours: () => rate(ours.address),
    });
    return [
      {
        name: "submit, 32 connections",
        value: median(rounds.ours),
        unit: "/s",
        rounds: rounds.ours,
        against: { name: "bare Fastify", value: median(rounds.ceiling), rounds: rounds.ceiling },
        goal: { of: "ratio", atLeast: 0.8 },
      },
    ];
  },
};
