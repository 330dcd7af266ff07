import { serviceSettings, submitTarget } from "../requests.ts";
import { inTurn, median } from "../rounds.ts";
import type { Row } from "../row.ts";

/** How much of a bare Fastify's rate the whole service keeps when it takes submissions. */
export const submit: Row = {
  name: "submit",
  async measure(stage) {
    const redis = await stage.redis();
    const ours = await stage.start("frontend", serviceSettings(redis.url));
    const ceiling = await stage.start("submit-ceiling", { redis: redis.url });
    const rate = async (address: string) => {
      // Both start each round from the same Redis; its scripts stay.
      await redis.client.flushall();
      const load = await stage.load({ url: address + submitTarget, method: "POST", connections: 32 });
      return load.perSecond;
    };
    const rounds = await inTurn(stage.effort.rounds, {
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
