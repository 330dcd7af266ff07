/** Returns the time in the format of records: ISO 8601, six fractional digits, numeric offset. */
export type Clock = () => string;

const quarterHour = 15 * 60_000;
/** How far the monotonic clock may drift from the wall clock (NTP, suspend) before it is reset, in ms. */
const toleratedDrift = 5;

/**
 * Creates a clock for an IANA time zone with microsecond resolution.
 * @param isLocal true when the process itself runs in this time zone
 * @throws RangeError when the time zone is unknown.
 */
export function createClock(
  timeZone: string,
  wallClock: () => number = microsecondClock(),
  { isLocal = false }: { readonly isLocal?: boolean } = {},
): Clock {
  const offsetAt = isLocal ? perQuarterHour(localOffset) : perQuarterHour(zoneOffset(timeZone));
  // Cached per second: only the fraction differs between the records written in one second.
  let second = Number.NaN;
  let offset: Offset = offsetAt(0);
  let start = "";
  return () => {
    const time = wallClock();
    const milliseconds = Math.floor(time);
    const now = Math.floor(milliseconds / 1000);
    if (now !== second) {
      second = now;
      offset = offsetAt(now * 1000);
      start = new Date(now * 1000 + offset.milliseconds).toISOString().slice(0, 20);
    }
    const micros = (milliseconds - now * 1000) * 1000 + Math.floor((time - milliseconds) * 1000);
    return `${start}${String(micros).padStart(6, "0")}${offset.text}`;
  };
}

interface Offset {
  readonly milliseconds: number;
  /** `+09:00` */
  readonly text: string;
}

/** Zones change their offset only at a quarter hour, and Intl is too slow to call for each record. */
function perQuarterHour(offsetAt: (ms: number) => Offset): (ms: number) => Offset {
  let cachedQuarter = Number.NaN;
  let cached: Offset = { milliseconds: 0, text: "+00:00" };
  return (ms) => {
    const quarter = Math.floor(ms / quarterHour);
    if (quarter !== cachedQuarter) {
      cached = offsetAt(ms);
      cachedQuarter = quarter;
    }
    return cached;
  };
}

/** The offset of the process's own zone, without Intl, whose first use takes a tenth of a cold start. */
function localOffset(ms: number): Offset {
  const minutes = -new Date(ms).getTimezoneOffset();
  const twoDigits = (value: number) => String(value).padStart(2, "0");
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return {
    milliseconds: minutes * 60_000,
    text: `${minutes < 0 ? "-" : "+"}${twoDigits(hours)}:${twoDigits(rest)}`,
  };
}

function zoneOffset(timeZone: string): (ms: number) => Offset {
  const format = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset" });
  return (ms) => {
    const name = format.formatToParts(ms).find((part) => part.type === "timeZoneName")?.value ?? "GMT";
    return parseOffset(name.slice("GMT".length));
  };
}

function parseOffset(text: string): Offset {
  const [, sign = "+", hours = "00", minutes = "00"] = /^([+-])(\d\d):(\d\d)/.exec(text) ?? [];
  const magnitude = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return { milliseconds: sign === "-" ? -magnitude : magnitude, text: `${sign}${hours}:${minutes}` };
}

/** Milliseconds since the epoch with a microsecond fraction; monotonic as long as the wall clock is not set. */
function microsecondClock(): () => number {
  let origin = performance.timeOrigin;
  return () => {
    const precise = origin + performance.now();
    const wall = Date.now();
    if (Math.abs(precise - wall) <= toleratedDrift) return precise;
    origin += wall - precise;
    return wall;
  };
}
