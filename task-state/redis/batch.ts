interface Waiting<Item, Reply> {
  readonly item: Item;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers what is asked for within one turn of the event loop and has it run together; whenever `enough` items wait, they
 * are run at once, so that whoever runs them is at work while the rest is still being gathered.
 * @param run gives a reply for each item, in their order, or an error for one of them; throws for all of them
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
