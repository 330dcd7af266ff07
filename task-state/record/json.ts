/**
 * Parses JSON so that `JSON.stringify` reproduces every number as written (`1.0`, `12345678901234567890`); otherwise our writes
 * would change the records of other programs. Throws `SyntaxError` as `JSON.parse` does.
 */
export function parseLossless(text: string): unknown {
  return JSON.parse(text, keepSource);
}

/** True when a parsed JSON value contains a number: then `JSON.stringify` may not reproduce its text. */
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

/** Available since V8 11.4; the type library does not declare it yet. */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown };
