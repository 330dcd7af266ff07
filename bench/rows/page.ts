import { populate } from "../populate.ts";
import { alice, pageTarget, serviceSettings } from "../requests.ts";
import { alternate, median } from "../rounds.ts";
import type { Row } from "../row.ts";

/** The rate of reading pages of 100 tasks. */
export const page: Row = {
  name: "page",
  async measure(stage) {
    const redis = await stage.redis();
    const { address } = await stage.start("frontend", serviceSettings(redis.url));
    await populate(redis.port, alice, 1000);
    const { ours } = await alternate(stage.effort.rounds, {
      ours: async () => {
        const load = await stage.load({ url: address + pageTarget(), method: "GET", connections: 32 });
        return load.perSecond;
      },
    });
    return [{ name: "page of 100, 32 connections", value: median(ours), unit: "/s", rounds: ours }];
  },
};
