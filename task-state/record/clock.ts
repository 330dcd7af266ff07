/** Returns the time in the format of records: ISO 8601, six fractional digits, numeric offset. */
export type Clock = () => string;

const quarterHour = 15 * 60_000;
/** How far the monotonic clock may drift from the wall clock (NTP, suspend) before it is reset, in ms. */
const toleratedDrift = 5;

/**
 * Creates a clock for an IANA time zone with microsecond resolution.
 * @throws RangeError when the time zone is unknown.
 */
export function createClock(timeZone: string, wallClock: () => number = microsecondClock()): Clock {
  const offsetAt = zoneOffset(timeZone);
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

function zoneOffset(timeZone: string): (ms: number) => Offset {
  const format = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset" });
  let cachedQuarter = Number.NaN;
  let cached: Offset = { milliseconds: 0, text: "+00:00" };
  return (ms) => {
    // Cached per quarter hour: zones change their offset only then, and Intl is too slow to call for each record.
    const quarter = Math.floor(ms / quarterHour);
    if (quarter !== cachedQuarter) {
      const name = format.formatToParts(ms).find((part) => part.type === "timeZoneName")?.value ?? "GMT";
      cached = parseOffset(name.slice("GMT".length));
      cachedQuarter = quarter;
    }
    return cached;
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
