import type { Redis } from "ioredis";
import { keys } from "../task-state/index.ts";
import type { Config } from "./config.ts";
import type { Logger } from "./logger.ts";

/** The mark that the first process of a named deployment leaves in its Redis database. */
export interface DeploymentMark {
  /**
   * The name of the other deployment whose mark is in the database; `undefined` where it is ours, where this deployment has
   * no name, and where Redis does not answer. Sets the mark where there is none.
   */
  other(): Promise<string | undefined>;
}

/** Compares the mark at the start and after each reconnect; another deployment's is an error in the log. */
export function createDeploymentMark({ deployment }: Config, primary: Redis, log: Logger): DeploymentMark {
  if (deployment === "") return { other: async () => undefined };

  async function other(): Promise<string | undefined> {
    try {
      // One command: of two deployments that start at the same time, only the first sets its mark.
      const found = await primary.set(keys.deployment, deployment, "NX", "GET");
      return found === null || found === deployment ? undefined : found;
    } catch {
      return undefined;
    }
  }

  primary.on("ready", async () => {
    const found = await other();
    if (found !== undefined) log.error({ deployment, found }, otherDeployment);
  });
  return { other };
}

const otherDeployment = "another deployment uses this Redis database: each takes the other's tasks";
