import { keys } from "../../../task-state/index.ts";
import type { Records } from "./records.ts";

/** Whose requests are blocked. The scheduler knows by itself, and informs others by the shared keys. */
export interface Blocks {
  isBlocked(user: string): boolean;
  /** Everybody's where no user is named. `published`: whether the shared keys are written. */
  set(blocked: boolean, user: string | undefined, published: boolean): Promise<void>;
}

export function createBlocks(records: Records): Blocks {
  let everybody = false;
  const users = new Set<string>();
  return {
    isBlocked: (user) => everybody || users.has(user),
    async set(blocked, user, published) {
      if (user === undefined) everybody = blocked;
      else if (blocked) users.add(user);
      else users.delete(user);
      if (!published) return;
      await records.set(keys.blocksAll, { blocked: everybody, blocked_users: [...users] });
      if (user !== undefined) await records.set(keys.blocksUser(user), { blocked });
    },
  };
}
