import fc from "fast-check";
import { expect, test } from "vitest";
import { parseQuery } from "../../shared/api/query.ts";

const texts = fc.string({ unit: fc.constantFrom(..."ab=&?%+2F,#/;_ é"), maxLength: 40 });

test("a query is read as URLSearchParams reads it, whether it needs decoding or not", () => {
  fc.assert(
    fc.property(texts, (query) => {
      const expected = Object.fromEntries(new URLSearchParams(`?${query}`));
      expect({ ...parseQuery(query) }).toEqual(expected);
    }),
  );
});
