import type { Redis } from "ioredis";
import { z } from "zod";
import { keys } from "../../task-state/index.ts";

const globalSchema = z.object({ blocked: z.boolean().catch(false), blocked_users: z.array(z.string()).catch([]) });
const userSchema = z.object({ blocked: z.boolean().catch(false) });

type GlobalBlocks = z.infer<typeof globalSchema>;

/** Blocked users, stored in the keys that other programs read. */
export interface Blocks {
  isBlocked(user: string): Promise<boolean>;
  /** Blocks or enables all users; users who are blocked by name stay blocked. */
  setAll(blocked: boolean): Promise<void>;
  /** Blocks or enables one user. */
  setUser(user: string, blocked: boolean): Promise<void>;
}

/** The blocks of this Redis. Changes by one process are serialized. */
export function createBlocks(redis: Redis): Blocks {
  let lastChange: Promise<unknown> = Promise.resolve();

  async function readAll(): Promise<GlobalBlocks> {
    return globalSchema.parse(parse(await redis.get(keys.blocksAll)));
  }

  function change(make: (all: GlobalBlocks) => Record<string, object>): Promise<void> {
    const changed = lastChange.then(async () => {
      const values = Object.entries(make(await readAll()));
      await redis.mset(values.flatMap(([key, value]) => [key, JSON.stringify(value)]));
    });
    lastChange = changed.catch(() => {});
    return changed;
  }

  return {
    async isBlocked(user) {
      const [all, one] = await Promise.all([readAll(), redis.get(keys.blocksUser(user))]);
      return all.blocked || all.blocked_users.includes(user) || userSchema.parse(parse(one)).blocked;
    },
    setAll: (blocked) => change((all) => ({ [keys.blocksAll]: { ...all, blocked } })),
    setUser: (user, blocked) =>
      change((all) => {
        const others = all.blocked_users.filter((name) => name !== user);
        return {
          [keys.blocksAll]: { ...all, blocked_users: blocked ? [...others, user] : others },
          [keys.blocksUser(user)]: { blocked },
        };
      }),
  };
}

function parse(text: string | null): unknown {
  return text === null ? {} : JSON.parse(text);
}
