import {
  acquirePermit,
  discardDeadLetter,
  enforceTombstones,
  forgetConsumers,
  keys,
  pauseDispatch,
  promoteDue,
  recordMalformedEntry,
  releaseParked,
  releasePermit,
  removeLeftovers,
  resumeDispatch,
  retryDeadLetter,
  sendHeartbeat,
} from "../../task-state/index.ts";
import { alice, bob, change, type OpenStore, saveAsScheduler, taskIn } from "./support.ts";

const caps = { maxInFlight: 5, maxInFlightPerUser: 5, ratePerSecond: 1000 };
const letter = { request: "submit", attempts: 3, error: "503" } as const;

/** Something that is done with one script or transaction: whole, or not at all. */
export interface Step {
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

/** Each of them is done whole, or not at all. */
export const steps: Step[] = [
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
    name: "dead-letter",
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
  { name: "report", prepare: async () => "", run: ({ context }) => sendHeartbeat(context.primary, "one", 1000) },
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
export const chores: Step[] = [
  {
    name: "tombstones",
    async prepare(open) {
      const id = await queued(open);
      await open.store.delete(id);
      await saveAsScheduler(open.context.primary, id);
      return id;
    },
    run: ({ context }) => enforceTombstones(context),
  },
  {
    name: "requeue",
    async prepare(open) {
      const id = await queued(open);
      await open.context.primary.del(keys.work);
      return id;
    },
    run: ({ context }) => removeLeftovers(context),
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
