import { setTimeout as pause } from "node:timers/promises";
import { until } from "../../support/until.ts";
import type { Fault } from "./fault.ts";
import type { Lab } from "./lab.ts";

type Client = Lab["redis"]["client"];

/** A key of nobody. */
const filling = "tests:filling";

/** A fault that one command of Redis begins and another one ends. */
function refusal(
  name: string,
  begin: (client: Client) => Promise<unknown>,
  end: (client: Client) => Promise<unknown>,
): Fault {
  return {
    name,
    on: "redis",
    plan: ({ lab, ms }) => ({
      async play() {
        const { client } = lab.redis;
        await begin(client);
        await pause(ms);
        await end(client);
      },
    }),
  };
}

/** Rights that are taken from the product for a while, and all that it then has. */
const forbidden = [
  ["-set"],
  ["-evalsha"],
  ["-xadd"],
  ["-xack"],
  ["-xreadgroup"],
  ["-hset"],
  ["-hdel"],
  ["-zadd"],
  ["-sadd"],
  ["-get"],
  ["-expire"],
  ["-incrby"],
  ["-@write"],
  ["resetkeys", "~task:*", "~index:*", "~blocks:*"],
  ["resetkeys", "~task:*", "~dms:*", "~blocks:*"],
  ["resetkeys", "~dms:*", "~index:*", "~blocks:*"],
];

const rights: Fault = {
  name: "acl",
  on: "redis",
  plan({ lab, ms, random }) {
    const rule = random.pick(forbidden);
    return {
      args: { rule },
      async play() {
        const { client } = lab.redis;
        await client.call("ACL", "SETUSER", "default", ...rule);
        await pause(ms);
        await client.call("ACL", "SETUSER", "default", "on", "nopass", "resetkeys", "~*", "&*", "+@all");
      },
    };
  },
};

/** Writes are refused because the last dump failed: its name is that of a directory. */
async function failToDump(client: Client): Promise<void> {
  await client.config("SET", "save", "3600 100000000");
  await client.config("SET", "dbfilename", "no-file");
  await client.bgsave().catch(() => {});
  await until(async () => (await client.info("persistence")).includes("rdb_last_bgsave_status:err"));
}

/** A Redis that refuses writes, each for a reason of its own. */
export const redisErrors: readonly Fault[] = [
  refusal(
    "oom",
    (client) => client.config("SET", "maxmemory", "1"),
    (client) => client.config("SET", "maxmemory", "0"),
  ),
  refusal(
    "readonly",
    (client) => client.replicaof("127.0.0.1", 1),
    (client) => client.replicaof("NO", "ONE"),
  ),
  refusal("misconf", failToDump, async (client) => {
    await client.config("SET", "save", "");
    await client.config("SET", "dbfilename", "dump.rdb");
  }),
  refusal(
    "noreplicas",
    (client) => client.config("SET", "min-replicas-to-write", "1"),
    (client) => client.config("SET", "min-replicas-to-write", "0"),
  ),
  rights,
  {
    name: "full disk",
    on: "redis",
    possible: ({ redis }) => redis.disk.fill !== undefined,
    plan: ({ lab: { redis }, ms }) => ({
      async play() {
        const { client, disk } = redis;
        await disk.fill?.();
        // More than what still fits into the file's last page.
        await client.set(filling, "x".repeat(16 * 1024)).catch(() => {});
        await pause(ms);
        await disk.empty();
        // Redis tries its file again once a second.
        await until(async () => (await client.info("persistence")).includes("aof_last_write_status:ok"));
        await client.del(filling);
      },
    }),
  },
];
