import { setImmediate as nextTurn } from "node:timers/promises";

/** The tasks that a dispatcher is working on, and their entries. */
export interface InProgress {
  /** True while the entry is handled, which starts before its task is claimed. */
  hasEntry(entryId: string): boolean;
  /** The entry under which the task is handled. */
  entryOf(taskId: string): string | undefined;
  /** Marks the entry as handled. */
  add(entryId: string): void;
  /** Marks the entry as handled and its task as in progress. */
  start(entryId: string, taskId: string): void;
  /** Removes the marks of the entry, and of the task if it is handled under this entry. */
  end(entryId: string, taskId?: string): void;
  /** Tracks a call whose reply may deliver entries that are not marked yet. */
  track<T>(call: Promise<T>): Promise<T>;
  /** Resolves when the entries delivered by the calls now under way are marked. */
  settled(): Promise<void>;
  readonly size: number;
}

/** Starts empty. */
export function createInProgress(): InProgress {
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
      // The code that awaits a reply continues before the next turn of the event loop.
      await nextTurn();
    },
    get size() {
      return entries.size;
    },
  };
}
