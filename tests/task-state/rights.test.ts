import { expect, test } from "vitest";
import {
  acquirePermit,
  buryDeleted,
  discardDeadLetter,
  forgetConsumers,
  isUnavailable,
  keys,
  missingRights,
  pauseDispatch,
  promoteDue,
  recordMalformedEntry,
  releaseParked,
  releasePermit,
  reportDispatcher,
  resumeDispatch,
  retryDeadLetter,
} from "../../task-state/index.ts";
import { type Access, connectLimited, leastAccess, limitUser, withoutCommand, withoutKeys } from "../support/access.ts";
import { useRedis } from "../support/redis.ts";
import { alice, bob, change, contents, type OpenStore, openStore, saveAsScheduler, taskIn } from "./support.ts";

const redis = useRedis();
const caps = { maxInFlight: 5, maxInFlightPerUser: 5, ratePerSecond: 1000 };
const letter = { request: "submit", attempts: 3, error: "503" } as const;

/** Something that is done with one script or transaction: whole, or not at all. */
interface Step {
  readonly name: string;
  /** Brings Redis to where the step begins; gives the id that it is about. */
  prepare(open: OpenStore): Promise<string>;
  run(open: OpenStore, id: string): Promise<unknown>;
}

const queued = (open: OpenStore) => taskIn("queued", open);
const sent = (open: OpenStore) => taskIn("sent", open);
const letterOf = async (open: OpenStore) => {
  const id = await queued(open);
  await change(open.context, id, { record: { status: "failed" }, sidecar: { dead: "submit" }, deadLetter: letter });
  return id;
};

const steps: Step[] = [
  { name: "submit", prepare: queued, run: ({ store }) => store.submit(alice, { src: "/a" }, { trace: "00-1-2-01" }) },
  {
    name: "submit several",
    prepare: async () => "",
    run: ({ store }) => Promise.all([store.submit(alice, {}), store.submit(bob, {}), store.register(bob, {})]),
  },
  { name: "submit once", prepare: queued, run: ({ store }) => store.submitOnce(alice, {}, "key") },
  {
    name: "repeat a submission",
    prepare: async ({ store }) => (await store.submitOnce(alice, {}, "key")).id,
    run: ({ store }) => store.submitOnce(alice, {}, "key"),
  },
  { name: "update", prepare: queued, run: ({ store }, id) => store.update(id, { logs: ["a log"] }) },
  { name: "cancel", prepare: queued, run: ({ store }, id) => store.cancel(id) },
  { name: "cancel what was sent", prepare: sent, run: ({ store }, id) => store.cancel(id) },
  { name: "delete", prepare: queued, run: ({ store }, id) => store.delete(id) },
  { name: "delete what was sent", prepare: sent, run: ({ store }, id) => store.delete(id) },
  {
    name: "give up",
    prepare: queued,
    run: ({ context }, id) =>
      change(context, id, {
        record: { status: "failed" },
        sidecar: { dead: "submit", dueAt: null },
        deadLetter: letter,
        releasePermit: true,
        acknowledge: "1-1",
      }),
  },
  { name: "retry a dead letter", prepare: letterOf, run: ({ context }, id) => retryDeadLetter(context, id) },
  {
    name: "discard a dead letter",
    prepare: letterOf,
    run: ({ context }, id) => discardDeadLetter(context.primary, id),
  },
  {
    name: "record a malformed entry",
    prepare: async () => "",
    run: ({ context }) => recordMalformedEntry(context.primary, "1-1"),
  },
  {
    name: "wait for a retry",
    prepare: queued,
    run: ({ context }, id) => change(context, id, { sidecar: { dueAt: 1, error: "503" }, acknowledge: "1-1" }),
  },
  {
    name: "park",
    prepare: queued,
    run: ({ context }, id) => change(context, id, { sidecar: { hold: "blocked" }, probe: true }),
  },
  {
    name: "release",
    async prepare(open) {
      const id = await queued(open);
      await change(open.context, id, { sidecar: { hold: "blocked" } });
      return id;
    },
    run: ({ context }) => releaseParked(context.primary, "alice"),
  },
  {
    name: "promote",
    async prepare(open) {
      for (let count = 0; count < 3; count += 1)
        await change(open.context, await queued(open), { sidecar: { dueAt: 1 } });
      return "";
    },
    run: ({ context }) => promoteDue(context.primary, 10),
  },
  {
    name: "acquire a permit",
    prepare: async () => "1",
    run: ({ context }, id) => acquirePermit(context.primary, id, "alice", caps, 60_000),
  },
  {
    name: "release a permit",
    async prepare({ context }) {
      await acquirePermit(context.primary, "1", "alice", caps, 60_000);
      return "1";
    },
    run: ({ context }, id) => releasePermit(context.primary, id, "alice"),
  },
  { name: "pause", prepare: async () => "", run: ({ context }) => pauseDispatch(context.primary) },
  {
    name: "resume",
    async prepare({ context }) {
      await pauseDispatch(context.primary);
      return "";
    },
    run: ({ context }) => resumeDispatch(context.primary),
  },
  { name: "report", prepare: async () => "", run: ({ context }) => reportDispatcher(context.primary, "one") },
  {
    name: "forget consumers",
    async prepare({ context }) {
      await context.primary.xgroup("CREATE", keys.work, "dispatchers", "$", "MKSTREAM");
      await context.primary.xgroup("CREATECONSUMER", keys.work, "dispatchers", "gone");
      return "";
    },
    run: ({ context }) => forgetConsumers(context.primary, -1),
  },
];

/** What is done with several scripts: each of them is whole, and another run brings the rest. */
const chores: Step[] = [
  {
    name: "tombstones",
    async prepare(open) {
      const id = await queued(open);
      await open.store.delete(id);
      await saveAsScheduler(open.context.primary, id);
      return id;
    },
    run: ({ context }) => buryDeleted(context),
  },
  {
    name: "repair",
    async prepare(open) {
      const gone = await queued(open);
      await open.context.primary.del(keys.record(gone));
      await saveAsScheduler(open.context.primary, "77");
      return gone;
    },
    run: ({ store }) => store.repair(),
  },
  {
    name: "list",
    async prepare(open) {
      await saveAsScheduler(open.context.primary, "77");
      return queued(open);
    },
    run: ({ store }) => store.page({}, { limit: 10, order: "asc" }),
  },
];

/** Patterns that together allow what `~dms:*` does, each on its own. */
const ours = [
  ...[
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

/** The contents without what differs between two runs: times, and what follows from them. */
async function shape(): Promise<string> {
  // A lock that expires: an index is not healed twice within seconds.
  await redis.client.del(keys.healing(keys.tasks));
  return JSON.stringify(await contents(redis.client))
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
      const before = await contents(redis.client);
      const failure = await run(openStore(redis, { primary: limited }), id).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure !== undefined) {
        refused += 1;
        expect(isUnavailable(failure), `${name}: ${failure}`).toBe(true);
        if (list === steps) expect(await contents(redis.client), name).toEqual(before);
        await redis.client.del(keys.healing(keys.tasks));
        await run(admin(), id);
      }
      expect(await shape(), name).toBe(done);
    }
    expect(refused).toBeGreaterThan(0);
  });
}

test("nothing is missing under the least access, for any duty", async () => {
  const limited = await connectLimited(redis);
  await limitUser(redis, { ...leastAccess, commands: [...leastAccess.commands, "wait"] });
  expect(await missingRights(limited, ["read", "change", "dispatch", "repair", "replicate"])).toEqual([]);
  expect(await missingRights(redis.client, ["read", "change", "dispatch", "repair", "replicate"])).toEqual([]);
  expect(await redis.client.dbsize()).toBe(0);
});

test("what is missing is named with its key, for those duties alone that need it", async () => {
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
