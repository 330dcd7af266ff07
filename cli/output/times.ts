import { formatDuration } from "../duration.ts";
import { usageFailure } from "../exit-code.ts";
import { sanitize } from "./width.ts";

/** Shows a time of a record. */
export type ShowTime = (time: string | undefined) => string;

export interface TimeOptions {
  readonly utc?: boolean;
  readonly timezone?: string;
}

/** What stands where a time should: other programs write records, too. */
function asItStands(time: string | undefined): string {
  return sanitize(time ?? "");
}

/** How times are shown: relative to now, or exact in a time zone that was asked for. */
export function timeFormat({ utc, timezone }: TimeOptions, now: () => number): ShowTime {
  const zone = utc ? "UTC" : timezone;
  return zone === undefined ? relative(now) : exact(zone);
}

/** How times are shown where only exact ones make sense: as recorded, or in a time zone that was asked for. */
export function exactTimeFormat({ utc, timezone }: TimeOptions): ShowTime {
  const zone = utc ? "UTC" : timezone;
  return zone === undefined ? asItStands : exact(zone);
}

function relative(now: () => number): ShowTime {
  return (time) => {
    const at = Date.parse(time ?? "");
    if (Number.isNaN(at)) return asItStands(time);
    const passed = now() - at;
    return passed < 1000 ? "now" : `${formatDuration(passed)} ago`;
  };
}

function exact(timeZone: string): ShowTime {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("sv-SE", {
      timeZone,
      dateStyle: "short",
      timeStyle: "medium",
    });
  } catch {
    throw usageFailure(`${JSON.stringify(timeZone)} is not a time zone`, "Time zones look like Asia/Seoul or UTC.");
  }
  const suffix = timeZone === "UTC" ? "Z" : "";
  return (time) => {
    const at = Date.parse(time ?? "");
    return Number.isNaN(at) ? asItStands(time) : format.format(at) + suffix;
  };
}
