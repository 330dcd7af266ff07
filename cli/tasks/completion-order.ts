/** Processes all items concurrently and yields each result on completion. The first rejection ends it. */
export async function* inCompletionOrder<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const arrived: Result[] = [];
  let wake = () => {};
  let fault: { readonly error: unknown } | undefined;
  for (const item of items) {
    work(item).then(
      (result) => {
        arrived.push(result);
        wake();
      },
      (error: unknown) => {
        fault ??= { error };
        wake();
      },
    );
  }
  for (let given = 0; given < items.length; ) {
    const next = arrived.shift();
    if (next !== undefined) {
      given += 1;
      yield next;
    } else if (fault) {
      throw fault.error;
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}
