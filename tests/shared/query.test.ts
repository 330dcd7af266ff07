import fc from "fast-check";
import { expect, test } from "vitest";
import { parseQuery, queryFault } from "../../shared/api/query.ts";

const texts = fc.string({ unit: fc.constantFrom(..."ab=&?%+2F,#/;_ é"), maxLength: 40 });

test("a query is read as URLSearchParams reads it, whether it needs decoding or not", () => {
  fc.assert(
    fc.property(texts, (query) => {
      const expected = Object.fromEntries(new URLSearchParams(`?${query}`));
      expect({ ...parseQuery(query) }).toEqual(expected);
    }),
  );
});

const bytes = fc.uint8Array({ minLength: 1, maxLength: 6 });
const encode = (given: Uint8Array) => [...given].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
const isText = (given: Uint8Array) => {
  try {
    return !new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(given).includes("\0");
  } catch {
    return false;
  }
};

test("a query has a fault exactly where a name or value is not UTF-8 text without NUL", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(bytes, bytes), { maxLength: 3 }), (pairs) => {
      const query = pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
      const wrong = pairs.some((pair) => !pair.every(isText));
      expect(queryFault(query) !== undefined, query).toBe(wrong);
    }),
    { numRuns: 1000 },
  );
});

test("the replacement character itself is text", () => {
  expect(queryFault("a=%EF%BF%BD&b=%ef%bf%bd&c=%zz&d=%")).toBeUndefined();
});
