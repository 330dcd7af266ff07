/**
 * Processes items with limited concurrency and yields the results in the order of the items. The first rejection ends it.
 */
export async function* inOrder<Item, Result>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const running: Promise<Result>[] = [];
  let next = 0;
  const start = () => {
    const item = items[next++] as Item;
    const result = work(item);
    // A rejection must not be unhandled while an earlier item is awaited.
    result.catch(() => {});
    running.push(result);
  };
  while (next < items.length && running.length < concurrency) start();
  for (let result = running.shift(); result !== undefined; result = running.shift()) {
    yield await result;
    if (next < items.length) start();
  }
}
