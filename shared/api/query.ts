/**
 * Decodes a query string as clients of this API expect: percent and `+` decoded, the last duplicate wins, blank values are
 * kept, commas are left alone, broken percent signs stay as they are. Names such as `__proto__` are plain data.
 * @param query what follows the `?`, undecoded
 */
export function parseQuery(query: string): Record<string, string> {
  const values: Record<string, string> = Object.create(null);
  if (query === "") return values;
  // One question mark is taken off, which here is the query's own.
  const own = query.startsWith("?") ? `?${query}` : query;
  for (const [name, value] of new URLSearchParams(own)) values[name] = value;
  return values;
}

/** What follows the first `?` of a request target, undecoded and without the `?`. */
export function queryOf(target: string): string {
  const mark = target.indexOf("?");
  return mark < 0 ? "" : target.slice(mark + 1);
}
