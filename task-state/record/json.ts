/**
 * Parses JSON so that `JSON.stringify` gives every number back as it was written (`1.0`, `12345678901234567890`),
 * which records of other programs need to survive our own writes. Throws `SyntaxError` as `JSON.parse` does.
 */
export function parseLossless(text: string): unknown {
  return JSON.parse(text, keepSource);
}

/** True when a parsed JSON value holds a number anywhere: then its text may not come out of `JSON.stringify` as it was. */
export function holdsNumber(value: unknown): boolean {
  if (typeof value === "number") return true;
  if (typeof value !== "object" || value === null) return false;
  for (const member of Object.values(value)) {
    if (typeof member !== "string" && holdsNumber(member)) return true;
  }
  return false;
}

function keepSource(this: unknown, _key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || context?.source === undefined) return value;
  return JSON.stringify(value) === context.source ? value : rawJson(context.source);
}

/** Since ES2026 and V8 11.4; the type library does not list it yet. */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown };
