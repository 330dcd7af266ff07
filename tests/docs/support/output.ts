import { isDeepStrictEqual } from "node:util";

/** What differs from run to run, and what stands for it on both sides of a comparison. */
const variable: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?/g, "<time>"],
  [/\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\b/g, "<time>"],
  [/\b\d\d:\d\d:\d\d(?:\.\d+)?\b/g, "<time>"],
  [/\b\d+(?:\.\d+)? ?(?:ms|µs|s|secs?|seconds?|m|min|minutes?|h|hours?|d|days?)\b(?: ago)?/g, "<duration>"],
  [/\bjust now\b|\bnow\b/g, "<duration>"],
  [/("[a-z_]*seconds[a-z_]*":\s*)\d+(?:\.\d+)?/g, "$1<duration>"],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "<id>"],
  // A dispatcher: host, process, random.
  [/[\w.-]+-\d+-[0-9a-f]{8}\b/g, "<id>"],
  [/("task_id":\s*")\d+"/g, '$1<id>"'],
  [/\b([Tt]asks?) \d+\b/g, "$1 <id>"],
  [/\b(localhost|127\.0\.0\.1):\d{2,5}\b/g, "$1:<port>"],
];

/**
 * Compares what a document shows with what its commands have printed. Ids, times, durations and ports are equal to any
 * other; runs of spaces are one; `…` stands for any text. Where both are JSON, members may come in any order, and
 * `"…"` stands for any value, as an element for any further elements, as a member's name for any further members.
 * @returns both sides as compared, or `undefined` when they agree
 */
export function difference(shown: string, printed: string): string | undefined {
  const [expected, actual] = [normal(shown), normal(printed)];
  if (agrees(expected, actual)) return undefined;
  return `the document shows\n${indented(expected)}\nand its commands print\n${indented(actual)}`;
}

function agrees(expected: string, actual: string): boolean {
  const [shown, printed] = [parsed(expected), parsed(actual)];
  if (shown && printed) return valueAgrees(shown.value, printed.value);
  // JSON that is folded over lines, cut short by `…`, or several values in a row.
  const isJson = /^[[{]/.test(expected) && /^[[{]/.test(actual);
  const [pattern, text] = isJson ? [expected, actual].map((side) => side.replaceAll(/\s+/g, "")) : [expected, actual];
  return agreesAsText(pattern ?? "", text ?? "");
}

function normal(text: string): string {
  const replaced = variable.reduce((result, [pattern, sign]) => result.replaceAll(pattern, sign), text);
  const lines = replaced.split("\n").map((line) => line.replaceAll(/[ \t]+/g, " ").trim());
  return lines.join("\n").replace(/^\n+|\n+$/g, "");
}

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    // A sign stands where a number was.
    return { value: JSON.parse(text.replaceAll(/:\s*<duration>/g, ':"<duration>"')) };
  } catch {
    return undefined;
  }
}

function valueAgrees(shown: unknown, printed: unknown): boolean {
  if (typeof shown === "string" && typeof printed === "string") return agreesAsText(shown, printed);
  if (shown === "…") return true;
  if (Array.isArray(shown) && Array.isArray(printed)) return elementsAgree(shown, printed);
  if (isObject(shown) && isObject(printed)) return membersAgree(shown, printed);
  return isDeepStrictEqual(shown, printed);
}

function agreesAsText(shown: string, printed: string): boolean {
  const parts = shown.split("…").map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
  return new RegExp(`^${parts.join("[\\s\\S]*?")}$`).test(printed);
}

function elementsAgree(shown: readonly unknown[], printed: readonly unknown[]): boolean {
  const gap = shown.indexOf("…");
  if (gap < 0)
    return shown.length === printed.length && shown.every((value, index) => valueAgrees(value, printed[index]));
  const behind = shown.slice(gap + 1);
  if (printed.length < gap + behind.length) return false;
  const rest = printed.slice(printed.length - behind.length);
  return elementsAgree(shown.slice(0, gap), printed.slice(0, gap)) && elementsAgree(behind, rest);
}

function membersAgree(shown: Readonly<Record<string, unknown>>, printed: Readonly<Record<string, unknown>>): boolean {
  const { "…": more, ...named } = shown;
  const isKnown = (name: string) => Object.hasOwn(named, name);
  return (
    Object.entries(named).every(([name, value]) => Object.hasOwn(printed, name) && valueAgrees(value, printed[name])) &&
    (more !== undefined || Object.keys(printed).every(isKnown))
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}
