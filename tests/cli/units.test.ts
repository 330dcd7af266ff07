import { describe, expect, test } from "vitest";
import { taskColumns } from "../../cli/display/columns.ts";
import { progressOf } from "../../cli/display/progress.ts";
import { formatDuration, formatLimit, parseDuration, parseSince } from "../../cli/duration.ts";
import { parseIds } from "../../cli/ids.ts";
import { createTable } from "../../cli/output/table.ts";
import { exactTimeFormat, timeFormat } from "../../cli/output/times.ts";
import { cut, sanitize, widthOf } from "../../cli/output/width.ts";
import { parseApiBase, targetOf } from "../../cli/request/route.ts";
import { endpoints } from "../../shared/api/endpoints.ts";

describe("durations", () => {
  test.each([
    ["90", 90_000],
    ["1.5", 1500],
    ["250ms", 250],
    ["1h30m", 5_400_000],
    ["2d", 172_800_000],
  ])("%s are %i ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(["", "soon", "5 m", "-1s", "1y"])("%j is not a duration", (text) =>
    expect(() => parseDuration(text)).toThrow(/not a duration/),
  );

  test("a point in time is a duration before now, or a date", () => {
    expect(parseSince("2h", 10_000_000)).toBe(2_800_000);
    expect(parseSince("2026-11-24T00:00:00Z", 0)).toBe(Date.UTC(2026, 10, 24));
  });

  test("a duration is shown in two units", () => {
    expect([0, 12_000, 3_900_000, 90_061_000].map(formatDuration)).toEqual(["0s", "12s", "1h 5m", "1d 1h"]);
  });
});

test("a time limit is shown as given", () => {
  expect([300, 1500, 90_000].map(formatLimit)).toEqual(["300ms", "1.5s", "1m 30s"]);
});

describe("ids", () => {
  test("lists and ranges are each id once, in order", () => {
    expect(parseIds(["1,2,5-7", "2", "6-8"])).toEqual(["1", "2", "5", "6", "7", "8"]);
    expect(parseIds(["9007199254740991"])).toEqual(["9007199254740991"]);
  });

  test("ids that are no numbers are taken as they are, also with hyphens", () => {
    expect(parseIds(["demo,7", "a-b", "1-a", "0", "用户", "demo"])).toEqual(["demo", "7", "a-b", "1-a", "0", "用户"]);
  });

  test.each([
    [],
    [""],
    ["1,,2"],
    ["id:sequence"],
    ["1:metadata"],
    ["a\nb"],
    ["x".repeat(257)],
    ["1-0"],
    ["9-5"],
    ["1-9999999"],
    ["1795563019000-0"],
  ])("%j is refused", (...texts) => expect(() => parseIds(texts)).toThrow());
});

describe("texts in a terminal", () => {
  test("East Asian characters and emoji take two columns, combining marks none", () => {
    expect(["abc", "用户", "e\u0301", "👩‍👩‍👧", "ün", "✅", "❤️", "🇰🇷", "⏳", "❤"].map(widthOf)).toEqual([
      3, 4, 1, 2, 2, 2, 2, 2, 2, 1,
    ]);
  });

  test("a cut text fits and ends in an ellipsis, whatever its characters", () => {
    expect([cut("abcdef", 4), cut("用户用户", 5), cut("abc", 3), cut("用户", 4)]).toEqual([
      "abc…",
      "用户…",
      "abc",
      "用户",
    ]);
    expect(widthOf(cut("用".repeat(10_000), 7))).toBeLessThanOrEqual(7);
  });

  test("a malformed time from another program cannot control a terminal", () => {
    const formats = [
      timeFormat({}, Date.now),
      timeFormat({ utc: true }, Date.now),
      exactTimeFormat({}),
      exactTimeFormat({ utc: true }),
    ];
    for (const show of formats) expect(show("\u001b[2Jsoon")).toBe("\\x1b[2Jsoon");
  });

  test("control characters become visible", () => expect(sanitize("a\u001b[2J\nb\u0000")).toBe("a\\x1b[2J⏎b\\x00"));

  test("a table shrinks its flexible columns, the widest first", () => {
    const columns = [
      { title: "A", text: (row: string[]) => row[0] ?? "" },
      { title: "B", text: (row: string[]) => row[1] ?? "", least: 4 },
    ];
    const table = createTable(columns, [["12345", "x".repeat(50)]], 20, (_, text) => text);
    expect([table.header, table.line(["12345", "x".repeat(50)]), table.line(["1", "y"])]).toEqual([
      "A      B",
      "12345  xxxxxxxxxxxx…",
      "1      y",
    ]);
  });

  test.each([20, 40, 60, 80, 100])("a table of tasks is never wider than a terminal of %i columns", (width) => {
    const task = (id: string, status: string, hours: number) => ({
      task_id: id,
      service: "sync",
      user_id: "alice",
      status,
      created_at: new Date(Date.UTC(2026, 10, 24, hours)).toISOString(),
      updated_at: new Date(Date.UTC(2026, 10, 24, hours)).toISOString(),
      parameters: { src: "x".repeat(200) },
      result: { launcher_output: "Copied 1 GB (100%) in 1 secs (1 GB/s) done" },
    });
    const [first, later] = [task("12345", "running", 23), task("1234567", "cancel_requested", 0)];
    const now = () => Date.UTC(2026, 10, 24, 23, 59);
    for (const showTime of [timeFormat({}, now), timeFormat({ utc: true }, now)]) {
      for (const owner of [false, true]) {
        const table = createTable(taskColumns({ showTime, owner }), [first], width, (_, text) => text);
        for (const line of [table.header, table.line(first)]) expect(widthOf(line)).toBeLessThanOrEqual(width);
        if (width >= 100) expect(widthOf(table.line(later))).toBeLessThanOrEqual(width);
        expect(table.line(later)).toMatch(/^1234567 /);
      }
    }
  });
});

describe("progress", () => {
  const read = (output: string) => progressOf({ result: { launcher_output: output } });

  test.each([
    ["Copied 1.234 GB (56%) in 12.345 secs (0.100 GB/s) 10 secs left ...", 56, "1.234 GB", "0.100 GB/s", 10],
    ["Created 1200 items (45%) in 3.2 secs (375 items/sec) 4 secs left ...", 45, "1200 items", "375 items/sec", 4],
    [
      "Removed 500 items (12.50%) in 1.0 secs (500 items/sec) 7 secs remaining ...",
      12.5,
      "500 items",
      "500 items/sec",
      7,
    ],
    ["Copied 0.000 GB (0%) in 0.000 secs (0.000 GB/s) -1 secs left ...", 0, "0.000 GB", "0.000 GB/s", undefined],
  ])("%s", (line, percent, amount, rate, secondsLeft) => {
    expect(read(`start\n${line}\n`)).toMatchObject({ percent, amount, rate, secondsLeft, done: false });
  });

  test("the latest line counts, and done is the end", () => {
    const lines = [
      "Copied 1 GB (50%) in 1 secs (1 GB/s) 1 secs left ...",
      "Copied 2 GB (100%) in 2 secs (1 GB/s) done",
      "bye",
    ];
    expect(read(lines.join("\n"))).toMatchObject({ percent: 100, done: true });
  });

  test("an ended task has no time left", () => {
    const result = { launcher_output: "Copied 1 GB (50%) in 1 secs (1 GB/s) 9 secs left ..." };
    expect(progressOf({ result, status: "failed" })?.secondsLeft).toBeUndefined();
    expect(progressOf({ result, status: "running" })?.secondsLeft).toBe(9);
  });

  test("other output has no progress", () => {
    expect([read(""), read("Copying…"), progressOf({}), progressOf({ result: { launcher_output: null } })]).toEqual(
      Array(4).fill(undefined),
    );
  });
});

describe("requests", () => {
  test("ids are encoded in the path, and endpoints at the root are outside the prefix", () => {
    const base = parseApiBase("http://gateway/dms/api/v1/");
    const values = { service: "a/b", user_id: "ünï ?#" };
    expect(targetOf(base, endpoints.listTasks, { ...values, limit: "5", cursor: undefined })).toBe(
      "/dms/api/v1/services/a%2Fb/users/%C3%BCn%C3%AF%20%3F%23/tasks?limit=5",
    );
    expect(targetOf(base, endpoints.health, {})).toBe("/dms/healthz");
    expect(targetOf(parseApiBase("http://host"), endpoints.health, {})).toBe("/healthz");
  });
});
