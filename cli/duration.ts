import { usageFailure } from "./exit-code.ts";

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/**
 * Reads a duration such as `90`, `90s`, `1h30m` or `2d`; a bare number counts seconds.
 * @returns milliseconds
 * @throws Failure with the usage code
 */
export function parseDuration(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (!/^(\d+(\.\d+)?(ms|[smhdw]))+$/.test(text)) {
    throw usageFailure(`${JSON.stringify(text)} is not a duration`, "Use a duration such as 30s, 5m, 1h30m or 2d.");
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g)) {
    total += Number(amount) * unitMs[unit as keyof typeof unitMs];
  }
  return total;
}

/**
 * Reads a point in time: a duration before now (`2h`), or an ISO 8601 date or time.
 * @returns milliseconds since the epoch
 */
export function parseSince(text: string, now: number): number {
  const date = /^\d{4}-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? now - parseDuration(text) : date;
}

/** A time limit as text, to the millisecond below a minute: `500ms`, `1.5s`, `1h 5m`. */
export function formatLimit(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  return ms < 60_000 ? `${ms / 1000}s` : formatDuration(ms);
}

/** A duration as text: its two largest units, such as `1h 5m` or `12s`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first < 0) return "0s";
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join(" ");
}
