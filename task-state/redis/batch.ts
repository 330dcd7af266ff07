interface Waiting<Item, Reply> {
  readonly item: Item;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Collects the items of one turn of the event loop and runs them together. Whenever `batchSize` items wait, they run at once,
 * so that Redis works on them while the others are still collected.
 * @param run returns a reply or an error for each item, in their order; throws to fail all of them
 */
export function createBatch<Item, Reply>(
  run: (items: readonly Item[]) => Promise<readonly (Reply | Error)[]>,
  batchSize: number,
): (item: Item) => Promise<Reply> {
  let waiting: Waiting<Item, Reply>[] = [];
  let scheduled = false;

  const flush = async () => {
    const batch = waiting;
    waiting = [];
    try {
      const replies = await run(batch.map(({ item }) => item));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const reply = replies[index];
        if (reply instanceof Error) reject(reply);
        else resolve(reply as Reply);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (waiting.length > 0) void flush();
    });
  };
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (waiting.length >= batchSize) void flush();
      else schedule();
    });
}
