import { setImmediate as turn } from "node:timers/promises";

/** What a dispatcher is at work on: its tasks, and the entries that have led to them. */
export interface InHand {
  /** True while somebody sees to the entry, be it that its task is only just being claimed. */
  hasEntry(entryId: string): boolean;
  /** The entry under which a task is worked on. */
  entryOf(taskId: string): string | undefined;
  /** From now on somebody sees to the entry. */
  add(entryId: string): void;
  /** From now on somebody is at work on its task. */
  start(entryId: string, taskId: string): void;
  /** Nobody sees to the entry any more, nor is at work on the task under it. */
  end(entryId: string, taskId?: string): void;
  /** Remembers a call whose reply may bring entries that nobody knows of yet. */
  track<T>(call: Promise<T>): Promise<T>;
  /** Resolves when whatever the calls under way now have brought is in here. */
  settled(): Promise<void>;
  readonly size: number;
}

/** Nothing is in hand at first. */
export function createInHand(): InHand {
  const entries = new Set<string>();
  const tasks = new Map<string, string>();
  const calls = new Set<Promise<unknown>>();
  return {
    hasEntry: (entryId) => entries.has(entryId),
    entryOf: (taskId) => tasks.get(taskId),
    add(entryId) {
      entries.add(entryId);
    },
    start(entryId, taskId) {
      entries.add(entryId);
      tasks.set(taskId, entryId);
    },
    end(entryId, taskId) {
      entries.delete(entryId);
      if (taskId !== undefined && tasks.get(taskId) === entryId) tasks.delete(taskId);
    },
    async track(call) {
      calls.add(call);
      try {
        return await call;
      } finally {
        calls.delete(call);
      }
    },
    async settled() {
      await Promise.allSettled(calls);
      // Whoever has awaited a reply goes on before the next turn of the event loop.
      await turn();
    },
    get size() {
      return entries.size;
    },
  };
}
