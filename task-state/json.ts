/** A number that a round trip through a JavaScript double may rewrite: long, fractional, with an exponent, or `-0`. */
const fragileNumber = /[:,[]\s*(?:-0|-?(?:\d{16,}|\d+\.\d|\d+(?:\.\d+)?[eE]))/;

/**
 * Parses JSON so that `JSON.stringify` gives every number back as it was written (`1.0`, `12345678901234567890`),
 * which records of other programs need to survive our own writes. Throws `SyntaxError` as `JSON.parse` does.
 */
export function parseLossless(text: string): unknown {
  // Numbers of this kind are rare and a reviver is slow, so most records take the plain way.
  return fragileNumber.test(text) ? JSON.parse(text, keepSource) : JSON.parse(text);
}

function keepSource(this: unknown, _key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || context?.source === undefined) return value;
  return String(value) === context.source ? value : rawJson(context.source);
}

/** Since ES2026 and V8 11.4; the type library does not list it yet. */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown };
