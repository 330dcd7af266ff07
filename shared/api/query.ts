/**
 * Decodes a query string as clients of this API expect: percent and `+` decoded, the last duplicate wins, blank values are
 * kept, commas are left alone, broken percent signs stay as they are. Names such as `__proto__` are plain data.
 * @param query what follows the `?`, undecoded
 */
export function parseQuery(query: string): Record<string, string> {
  const values: Record<string, string> = Object.create(null);
  if (query === "") return values;
  if (plain.test(query)) return split(query, values);
  // A first `?` is dropped by URLSearchParams, and a second one belongs to a name.
  for (const [name, value] of new URLSearchParams(`?${query}`)) values[name] = value;
  return values;
}

/** Printable ASCII that needs no decoding. Most queries do not, and splitting them takes a fifth of the time. */
const plain = /^[!-$&-*,-~]+$/;

function split(query: string, values: Record<string, string>): Record<string, string> {
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const sign = pair.indexOf("=");
    if (sign < 0) values[pair] = "";
    else values[pair.slice(0, sign)] = pair.slice(sign + 1);
  }
  return values;
}

/** What follows the first `?` of a request target, undecoded and without the `?`. */
export function queryOf(target: string): string {
  const mark = target.indexOf("?");
  return mark < 0 ? "" : target.slice(mark + 1);
}
