import { expect, test } from "vitest";
import { isUnavailable, keys, missingRights } from "../../task-state/index.ts";
import { type Access, connectLimited, leastAccess, limitUser, withoutCommand, withoutKeys } from "../support/access.ts";
import { useRedis } from "../support/redis.ts";
import { chores, steps } from "./steps.ts";
import { contents, openStore } from "./support.ts";

const redis = useRedis();

/** Patterns that together allow what `~dms:*` does, each on its own. */
const ours = [
  ...[
    "clock",
    "leases",
    "unreadable",
    "order:*",
    "task:*",
    "work*",
    "due",
    "parked*",
    "held",
    "inflight*",
    "dispatch*",
    "dead*",
    "cancels*",
    "deleted*",
  ],
  ...["idempotency:*", "healing*"],
].map((name) => `~dms:${name}`);
const finer = withoutKeys("~dms:*", ours);

/** Every rule less, of those that the step makes use of. */
function lesserAccess(used: ReadonlySet<string>): [name: string, access: Access][] {
  const commands = leastAccess.commands.filter((name) => used.has(name));
  return [
    ...commands.map((name): [string, Access] => [`without ${name}`, withoutCommand(name)]),
    ...finer.keys.map((pattern): [string, Access] => [`without ${pattern}`, withoutKeys(pattern, [], finer)]),
    ...finer.keys.map((pattern): [string, Access] => [
      `${pattern} read-only`,
      withoutKeys(pattern, [`%R${pattern}`], finer),
    ]),
  ];
}

/** The contents without the clock, which runs on by itself. */
async function changed(): Promise<Record<string, unknown>> {
  const { [keys.clock]: _clock, ...rest } = await contents(redis.client);
  return rest;
}

/** The same without what differs between two runs: times, and what follows from them. */
async function shape(): Promise<string> {
  // A lock that expires: an index is not healed twice within seconds.
  await redis.client.del(keys.healing(keys.tasks));
  return JSON.stringify(await changed())
    .replace(/\d+/g, "#")
    .replace(/(#-?)+/g, "#");
}

async function commandsOf(action: () => Promise<unknown>): Promise<ReadonlySet<string>> {
  await redis.client.config("RESETSTAT");
  await action();
  const stats = await redis.client.info("commandstats");
  return new Set([...stats.matchAll(/cmdstat_([^:]+):/g)].map(([, name = ""]) => name));
}

for (const [kind, list] of [
  ["whole or not at all", steps],
  ["whole after another run", chores],
] as const) {
  test.each(list)(`$name is ${kind} under each rule less`, { timeout: 60_000 }, async ({ prepare, run }) => {
    const admin = () => openStore(redis);
    const limited = await connectLimited(redis);
    const begin = async (access: Access) => {
      await redis.client.flushall();
      const id = await prepare(admin());
      await limitUser(redis, access);
      return id;
    };
    const used = await commandsOf(async () => run(openStore(redis, { primary: limited }), await begin(leastAccess)));
    const done = await shape();
    let refused = 0;
    for (const [name, access] of lesserAccess(used)) {
      const id = await begin(access);
      const before = await changed();
      const failure = await run(openStore(redis, { primary: limited }), id).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure !== undefined) {
        refused += 1;
        expect(isUnavailable(failure), `${name}: ${failure}`).toBe(true);
        if (list === steps) expect(await changed(), name).toEqual(before);
        await redis.client.del(keys.healing(keys.tasks));
        await run(admin(), id);
      }
      expect(await shape(), name).toBe(done);
    }
    expect(refused).toBeGreaterThan(0);
  });
}

test("nothing is missing under the least access, for any role", async () => {
  const limited = await connectLimited(redis);
  await limitUser(redis, { ...leastAccess, commands: [...leastAccess.commands, "wait"] });
  expect(await missingRights(limited, ["read", "change", "dispatch", "repair", "replicate"])).toEqual([]);
  expect(await missingRights(redis.client, ["read", "change", "dispatch", "repair", "replicate"])).toEqual([]);
  expect(await redis.client.dbsize()).toBe(0);
});

test("what is missing is named with its key, only for the roles that need it", async () => {
  const limited = await connectLimited(redis);
  await limitUser(redis, withoutCommand("hincrby"));
  expect(await missingRights(limited, ["read", "change"])).toEqual([]);
  expect(await missingRights(limited, ["dispatch"])).toEqual([`HINCRBY ${keys.sidecar("*")}`]);
  await limitUser(redis, withoutKeys("~blocks:*", ["%R~blocks:*"]));
  expect(await missingRights(limited, ["read", "change"])).toEqual([]);
  expect(await missingRights(limited, ["dispatch"])).toEqual([`EVALSHA ${keys.blocksAll}`]);
  await limitUser(redis, withoutCommand("evalsha"));
  expect(await missingRights(limited, ["read"])).toEqual(["EVALSHA"]);
  await limitUser(redis, withoutCommand("eval"));
  expect(await missingRights(limited, ["read"])).toEqual(["EVAL"]);
});
