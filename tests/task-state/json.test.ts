import { expect, test } from "vitest";
import { parseLossless } from "../../task-state/record/json.ts";

function roundTrip(text: string): string {
  return JSON.stringify(parseLossless(text));
}

test.each([
  '{"a":1.0}',
  '{"a":-1.0}',
  '{"a":1.50,"b":2}',
  "[12345678901234567890]",
  "[-9007199254740993]",
  "[0.1,-0,-0.0,0,1e5,1E+2,-2.5e-7,1e400]",
  "[3.14159265358979323846264]",
  '{"result":{"launcher_output":{"seconds":12.340,"items":[1.0,2.00]}}}',
  '{"text":"x: 1.0, [2.50"}',
  '{"text":"\\": 1.0"}',
])("%s comes back as it was written", (text) => {
  expect(roundTrip(text)).toBe(text);
});

test("whitespace before a number does not hide it", () => {
  expect(roundTrip('{ "a" :\n\t1.0 , "b" : [ 2.0 , -0 ] }')).toBe('{"a":1.0,"b":[2.0,-0]}');
});

test("any nesting of such numbers comes back as it was written", () => {
  let seed = 7;
  const pick = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  const leaves = ["0", "-0", "1.0", "1e3", "98765432109876543210", "7", "-3.10", '"1.0"', "null", "true", '"é\\n"'];
  const text = (depth: number): string => {
    const kind = depth === 0 ? 0 : pick(3);
    if (kind === 0) return leaves[pick(leaves.length)] ?? "0";
    const parts = Array.from({ length: pick(4) }, () => text(depth - 1));
    return kind === 1 ? `[${parts}]` : `{${parts.map((part, index) => `"k${index}":${part}`)}}`;
  };
  for (let count = 0; count < 2000; count += 1) {
    const written = `[${text(4)}]`;
    expect(roundTrip(written)).toBe(written);
  }
});

test.each(['{"__proto__":{"polluted":1.0},"constructor":2}', '{"__proto__":{"polluted":1},"constructor":2}'])(
  "%s is plain data",
  (text) => {
    const value = parseLossless(text);
    expect(JSON.stringify(value)).toBe(text);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(JSON.stringify({ ...(value as object) })).toBe(text);
  },
);

test("numbers that a double holds as written stay numbers", () => {
  expect(parseLossless('{"a":1.5,"b":1234567890123456,"c":-7,"d":1.0}')).toMatchObject({
    a: 1.5,
    b: 1_234_567_890_123_456,
    c: -7,
  });
});

test.each(["", "{", '{"a":01}', '{"a":1.}', "[1.0", "NaN", '{"a":1.0}x'])("%j is a syntax error", (text) => {
  expect(() => parseLossless(text)).toThrow(SyntaxError);
});
