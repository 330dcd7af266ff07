/**
 * Works on items, several at once, and gives the results in the order of the items as soon as that order allows.
 * The first rejection ends it.
 */
export async function* inOrder<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const running: Promise<Result>[] = [];
  let next = 0;
  const start = () => {
    const item = items[next++] as Item;
    const result = work(item);
    // Whoever waits for an earlier one must not make this one's rejection unhandled.
    result.catch(() => {});
    running.push(result);
  };
  while (next < items.length && running.length < atOnce) start();
  for (let result = running.shift(); result !== undefined; result = running.shift()) {
    yield await result;
    if (next < items.length) start();
  }
}
