import { textFault } from "../../task-state/index.ts";

/**
 * Decodes a query string: percent and `+` are decoded, the last duplicate wins, blank values are kept, commas and
 * malformed percent signs stay as they are. Names such as `__proto__` are plain data.
 * @param query the part after the `?`, undecoded
 */
export function parseQuery(query: string): Record<string, string> {
  const values: Record<string, string> = Object.create(null);
  if (query === "") return values;
  if (plain.test(query)) return split(query, values);
  // URLSearchParams drops a first `?`; a second one belongs to a name.
  for (const [name, value] of new URLSearchParams(`?${query}`)) values[name] = value;
  return values;
}

/**
 * The first name or value of a query that is not UTF-8 text, where {@link parseQuery} would store something else; `undefined`
 * if there is none.
 */
export function queryFault(query: string): { readonly name: string; readonly message: string } | undefined {
  // Only percent signs can stand for bytes that are no text.
  if (!query.includes("%")) return undefined;
  for (const pair of query.split("&")) {
    for (const [name, value] of new URLSearchParams(`?${pair}`)) {
      // A byte that is no text decodes as U+FFFD, which may also have been sent.
      const isText = occurrences(name + value, /\ufffd/g) === occurrences(pair, /\ufffd|%EF%BF%BD/gi);
      const message = isText ? textFault(name + value) : "must be UTF-8 text, percent-encoded";
      if (message !== undefined) return { name, message };
    }
  }
  return undefined;
}

function occurrences(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

/** Printable ASCII that needs no decoding. Most queries match, and splitting them takes a fifth of the time. */
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

/** The part of a request target after its first `?`, undecoded. */
export function queryOf(target: string): string {
  const mark = target.indexOf("?");
  return mark < 0 ? "" : target.slice(mark + 1);
}
