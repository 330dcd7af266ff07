import { afterEach, expect, test, vi } from "vitest";
import { adoptTimeZone } from "../../shared/runtime/time-zone.ts";
import { createClock } from "../../task-state/index.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const ownZone = process.env.TZ;
afterEach(() => {
  if (ownZone === undefined) delete process.env.TZ;
  else process.env.TZ = ownZone;
});

/** What a clock of this zone shows at a moment; the same in a process that runs in the zone. */
function shown(timeZone: string, moment: string): string {
  const time = createClock(timeZone, () => Date.parse(moment))();
  const isLocal = adoptTimeZone(timeZone);
  expect(createClock(timeZone, () => Date.parse(moment), { isLocal })()).toBe(time);
  return time;
}

test.each([
  ["Asia/Seoul", "2026-11-23T19:38:53.252Z", "2026-11-24T04:38:53.252000+09:00"],
  ["UTC", "2026-02-28T23:59:59.999Z", "2026-02-28T23:59:59.999000+00:00"],
  ["Europe/London", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000+00:00"],
  ["Asia/Kolkata", "2026-06-30T18:30:00Z", "2026-07-01T00:00:00.000000+05:30"],
  ["Asia/Kathmandu", "2026-12-31T18:15:00Z", "2027-01-01T00:00:00.000000+05:45"],
  ["America/New_York", "2026-01-01T04:59:59Z", "2025-12-31T23:59:59.000000-05:00"],
  ["America/St_Johns", "2026-01-01T03:29:00Z", "2025-12-31T23:59:00.000000-03:30"],
  ["Pacific/Marquesas", "2026-03-01T09:29:59Z", "2026-02-28T23:59:59.000000-09:30"],
  ["Pacific/Kiritimati", "2026-02-28T10:00:00Z", "2026-03-01T00:00:00.000000+14:00"],
])("%s at %s is %s", (timeZone, moment, expected) => {
  expect(shown(timeZone, moment)).toBe(expected);
});

test.each([
  ["Europe/Berlin", "2026-03-29T01:00:00Z", "01:59:59.999000+01:00", "03:00:00.000000+02:00"],
  ["Europe/Berlin", "2026-10-25T01:00:00Z", "02:59:59.999000+02:00", "02:00:00.000000+01:00"],
  ["America/St_Johns", "2026-03-08T05:30:00Z", "01:59:59.999000-03:30", "03:00:00.000000-02:30"],
  ["Australia/Lord_Howe", "2026-10-03T15:30:00Z", "01:59:59.999000+10:30", "02:30:00.000000+11:00"],
])("one clock of %s changes its offset at %s and back again", (timeZone, change, before, after) => {
  let now = Date.parse(change) - 1;
  const clock = createClock(timeZone, () => now);
  expect(clock()).toMatch(new RegExp(`T${escaped(before)}$`));
  now += 1;
  expect(clock()).toMatch(new RegExp(`T${escaped(after)}$`));
  now -= 1;
  expect(clock()).toMatch(new RegExp(`T${escaped(before)}$`));
});

test.each([
  ["Asia/Seoul", false],
  ["America/St_Johns", false],
  ["Australia/Lord_Howe", false],
  ["Africa/Casablanca", false],
  ["Asia/Seoul", true],
  ["America/St_Johns", true],
  ["Australia/Lord_Howe", true],
  ["Africa/Casablanca", true],
])("every time in %s (adopted: %s) shows the local hour and the moment it was taken at", (timeZone, adopted) => {
  let now = 0;
  const isLocal = adopted && adoptTimeZone(timeZone);
  expect(isLocal).toBe(adopted);
  const clock = createClock(timeZone, () => now, { isLocal });
  const local = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
  for (let hours = 0; hours < 24 * 366; hours += 11.25) {
    now = Date.UTC(2027, 0, 1) + hours * 3_600_000;
    const time = clock();
    expect(time.slice(0, 19).replace("T", " ")).toBe(local.format(now));
    expect(Date.parse(time)).toBe(now);
  }
});

test.each([
  [0.456, "123456"],
  [0, "123000"],
  [0.0009, "123000"],
  [0.9995, "123999"],
])("%d of a millisecond is cut to whole microseconds", (fraction, digits) => {
  expect(createClock("UTC", () => 1_700_000_000_123 + fraction)()).toBe(`2023-11-14T22:13:20.${digits}+00:00`);
});

test("the clock without a source shows the time of day, finer than a millisecond and never going back", () => {
  const clock = createClock("Asia/Seoul");
  const before = Date.now();
  const times = Array.from({ length: 5000 }, clock);
  const after = Date.now();
  expect(times.toSorted()).toEqual(times);
  expect(times.some((time) => !/\.\d{3}000\+09:00$/.test(time))).toBe(true);
  const [first, last] = [Date.parse(times[0] ?? ""), Date.parse(times.at(-1) ?? "")];
  expect(first - before).toBeGreaterThan(-50);
  expect(last - after).toBeLessThan(50);
});

test.each([3_600_000, -3_600_000])("the clock follows a wall clock that is set by %d ms", (step) => {
  const clock = createClock("UTC");
  const set = Date.now() + step;
  vi.spyOn(Date, "now").mockReturnValue(set);
  expect(Date.parse(clock())).toBe(set);
});

test.each(["Mars/Olympus", "", "Asia/Seoul; rm"])("a clock of the zone %j is refused", (timeZone) => {
  expect(() => createClock(timeZone)).toThrow(RangeError);
});

function escaped(text: string): string {
  return text.replaceAll("+", "\\+").replaceAll(".", "\\.");
}
