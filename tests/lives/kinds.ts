import type { Redis } from "ioredis";
import { discardDeadLetter, keys, type Owner, retryDeadLetter } from "../../task-state/index.ts";
import { foreignRecord, type OpenStore, readable } from "../task-state/support.ts";

/** What happens here happens through the store, or past it. */
export interface Stage extends OpenStore {
  readonly client: Redis;
}

/** Something that happens to tasks of one owner at once. */
export type Turn = (stage: Stage, ids: readonly string[], owner: Owner) => Promise<unknown>;

/** How the scheduler treats the tasks of a kind; it knows them by their user. */
export type Treatment = "accepted" | "refused" | "failing" | "doubtful" | "deaf" | "blocked";

/** One way in which a task lives and ends. What has not ended by deletion expires. */
export interface Kind {
  readonly treatment?: Treatment;
  /** How the tasks come in. @default submitted */
  readonly begin?: (stage: Stage, owner: Owner, count: number) => Promise<string[]>;
  /** While no dispatcher runs. */
  readonly waiting?: Turn;
  /** While a dispatcher works. */
  readonly busy?: Turn;
  /** Once nothing is left to do for the dispatcher. */
  readonly settled?: Turn;
  /** Once that is so again. */
  readonly ended?: Turn;
}

const each = (act: (stage: Stage, id: string, owner: Owner) => Promise<unknown>): Turn => {
  return (stage, ids, owner) => Promise.all(ids.map((id) => act(stage, id, owner)));
};
const remove = each(({ store }, id) => store.delete(id));
const cancel = each(({ store }, id) => store.cancel(id));
const retry = each(({ context }, id) => retryDeadLetter(context, id));
const discard = each(({ client }, id) => discardDeadLetter(client, id));
const complete = each(async ({ client }, id) => {
  const record = readable(await client.get(keys.record(id)));
  await client.set(keys.record(id), JSON.stringify({ ...record, status: "completed" }), "EX", 3600);
});
const writeLate = each(({ client }, id, { service, user }) => saveElsewhere(client, id, { service, user }));
/** As another frontend does, which knows nothing of our own keys. */
const removeElsewhere: Turn = async ({ client }, ids, { service, user }) => {
  const sets = [keys.tasks, keys.service(service), keys.owner({ service, user }), keys.user(user)];
  await client.del(...ids.flatMap((id) => [keys.record(id), keys.metadata(id)]));
  for (const set of sets) await client.srem(set, ...ids);
  await client.srem(keys.users(service), user);
};

const inTurn = (...turns: Turn[]): Turn => {
  return async (...about) => {
    for (const turn of turns) await turn(...about);
  };
};

async function saveElsewhere(redis: Redis, id: string, { service, user }: Owner): Promise<void> {
  await redis.set(keys.record(id), foreignRecord(id, { service, user_id: user, status: "running" }), "EX", 3600);
  await redis.hset(keys.metadata(id), { service, user_id: user });
  for (const set of [keys.tasks, keys.service(service), keys.owner({ service, user })]) await redis.sadd(set, id);
  await redis.sadd(keys.users(service), user);
}

const some = (count: number, make: (index: number) => Promise<string>) =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));
const registered: Kind["begin"] = ({ store }, owner, count) => some(count, () => store.register(owner, {}));
const once: Kind["begin"] = ({ store }, owner, count) =>
  some(count, async (index) => (await store.submitOnce(owner, {}, `${owner.user} ${index}`)).id);
const foreign: Kind["begin"] = ({ client }, owner, count) =>
  some(count, async () => {
    const id = String(await client.incr(keys.sequence));
    await saveElsewhere(client, id, owner);
    return id;
  });

/** Every way that ends. */
export const kinds: readonly Kind[] = [
  {},
  { settled: complete },
  { settled: complete, ended: remove },
  { settled: removeElsewhere },
  { settled: remove },
  { settled: remove, ended: writeLate },
  { settled: cancel },
  { settled: cancel, ended: remove },
  { settled: cancel, ended: removeElsewhere },
  { settled: inTurn(cancel, removeElsewhere) },
  { settled: inTurn(remove, removeElsewhere) },
  { waiting: remove },
  { waiting: cancel },
  { waiting: removeElsewhere },
  { waiting: inTurn(cancel, removeElsewhere) },
  { busy: remove },
  { busy: cancel },
  { busy: removeElsewhere },
  { busy: inTurn(cancel, remove) },
  { begin: once },
  { begin: once, settled: remove },
  { begin: once, waiting: remove },
  { begin: registered, waiting: complete },
  { begin: registered, waiting: remove },
  { begin: registered, waiting: removeElsewhere },
  { begin: foreign, settled: complete },
  { begin: foreign, settled: remove },
  { begin: foreign, settled: inTurn(cancel, removeElsewhere) },
  { treatment: "refused" },
  { treatment: "refused", settled: remove },
  { treatment: "doubtful" },
  { treatment: "doubtful", busy: remove },
  { treatment: "doubtful", busy: cancel },
  { treatment: "doubtful", busy: removeElsewhere },
  { treatment: "doubtful", settled: removeElsewhere },
  { treatment: "failing" },
  { treatment: "failing", busy: cancel },
  { treatment: "failing", settled: remove },
  { treatment: "failing", settled: discard },
  { treatment: "failing", settled: removeElsewhere },
  { treatment: "failing", settled: retry, ended: remove },
  { treatment: "failing", settled: retry, ended: removeElsewhere },
  { treatment: "deaf", settled: cancel },
  { treatment: "deaf", settled: cancel, ended: inTurn(discard, complete) },
  { treatment: "deaf", settled: cancel, ended: removeElsewhere },
  { treatment: "deaf", settled: remove },
  { treatment: "deaf", settled: remove, ended: removeElsewhere },
  { treatment: "deaf", settled: remove, ended: retry },
  { treatment: "blocked" },
  { treatment: "blocked", settled: remove },
  { treatment: "blocked", settled: cancel },
  { treatment: "blocked", settled: removeElsewhere },
];
