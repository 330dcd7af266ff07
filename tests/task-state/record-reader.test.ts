import fc from "fast-check";
import { expect, test } from "vitest";
import { maxRecordBytes, readRecord, statuses } from "../../task-state/index.ts";
import { changeRecord, rewritable } from "../../task-state/record/record.ts";
import { shownText } from "../../task-state/record/shown-record.ts";
import { foreignRecord } from "./support.ts";

const whole = {
  task_id: "7",
  service: "sync",
  user_id: "alice",
  status: "pending",
  parameters: { src: "/a" },
  created_at: "c",
  updated_at: "u",
};
const reasonOf = (raw: string) => {
  const reading = readRecord("7", raw);
  return reading.kind === "unreadable" ? reading.reason : undefined;
};
const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
const withMore = (member: string) => foreignRecord("7").replace(/}$/, `,${member}}`);

test.each([
  ["nothing", "", "not JSON"],
  ["half a record", foreignRecord("7").slice(0, -1), "not JSON"],
  ["a raw control character", foreignRecord("7", { service: "\u0000" }).replace("\\u0000", "\u0000"), "not JSON"],
  ["null", "null", "not a JSON object"],
  ["a list", "[]", "not a JSON object"],
  ["another task's id", foreignRecord("8"), 'task_id names another task, "8"'],
  ["a number as task_id", foreignRecord("7").replace('"7"', "7"), "task_id must be a string, not a number"],
  ["no user_id", foreignRecord("7").replace("user_id", "user"), "user_id is missing"],
  ["a service that is null", foreignRecord("7").replace('"sync"', "null"), "service must be a string, not null"],
  ["an unknown status", foreignRecord("7").replace("pending", "queued"), 'status is unknown: "queued"'],
  ["the status `constructor`", foreignRecord("7").replace("pending", "constructor"), "status is unknown"],
  ["a time that is a number", withMore('"updated_at":1'), "updated_at must be a string, not a number"],
  ["no created_at", foreignRecord("7").replace("created_at", "made"), "created_at is missing"],
  ["no parameters", foreignRecord("7").replace("parameters", "p"), "parameters is missing"],
  ["parameters that are a list", withMore('"parameters":[]'), "parameters must be an object, not a list"],
  ["logs that are null", withMore('"logs":null'), "logs must be a list, not null"],
  ["a log entry that is no text", withMore('"logs":["a",{}]'), "logs[1] must be a string, not an object"],
  ["a second task_id", withMore('"task_id":"8"'), "task_id names another task"],
  ["too much", withMore(`"x":"${"x".repeat(maxRecordBytes)}"`), "larger than 8 MiB"],
  ["too much in few characters", withMore(`"x":"${"漢".repeat(maxRecordBytes / 3)}"`), "larger than 8 MiB"],
  ["too deep nesting", withMore(`"x":${nested(501)}`), "nested deeper than 500 levels"],
  ["a hundred thousand levels", withMore(`"x":${nested(100_000)}`), "nested deeper than 500 levels"],
])("a record with %s is unreadable, and says why", (_, raw, reason) => {
  expect(reasonOf(raw)).toContain(reason);
});

test.each([
  ["no members but those that must be there", JSON.stringify(whole)],
  ["a result that is null", withMore('"result":null')],
  ["jobs that are null", withMore('"active_jobs":null')],
  ["jobs that are an object", withMore('"active_jobs":{}')],
  ["a priority that is null", withMore('"priority":null')],
  ["an unknown priority", withMore('"priority":"urgent"')],
  ["empty parameters", foreignRecord("7", { parameters: {} })],
  ["a result with further members", withMore('"result":{"pod_status":{"a":1},"launcher_output":"x","more":[null]}')],
  ["jobs that are objects", withMore('"active_jobs":[{"name":"sync-1"},null,3]')],
  ["unknown members of all types", withMore('"a":null,"b":[],"c":{},"d":1e400,"e":"\\ud800","__proto__":[]')],
  ["deep nesting", withMore(`"x":${nested(490)}`)],
  ["a huge list", withMore(`"active_jobs":[${"0,".repeat(1_000_000)}0]`)],
  ["a member twice, of which the last counts", withMore('"logs":null,"logs":[]')],
  ["spaces around it", ` ${foreignRecord("7")}\n`],
])("a record with %s is readable", (_, raw) => {
  expect(reasonOf(raw)).toBeUndefined();
});

const json = fc.jsonValue({ maxDepth: 4, noUnicodeString: false });
const member = fc.constantFrom(...Object.keys(whole), "logs", "result", "priority", "active_jobs", "x", "__proto__");

test("whatever a member holds, the reader says record or unreadable, and a record can be rewritten", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(member, json), { maxLength: 4 }), (odd) => {
      const more = odd.map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`).join("");
      const raw = JSON.stringify(whole).replace(/}$/, `${more}}`);
      const reading = readRecord("7", raw);
      if (reading.kind === "unreadable") {
        expect(reading.reason.length).toBeLessThan(200);
        return;
      }
      const { record } = reading;
      expect(record.task_id).toBe("7");
      expect(statuses).toContain(record.status);
      expect(record.logs).not.toBeNull();
      const shown = JSON.parse(shownText(record, raw));
      expect(["high", "low"]).toContain(shown.priority);
      expect(shown).toMatchObject({ result: expect.any(Object), active_jobs: expect.any(Array) });
      expect(Object.keys(shown.result)).toEqual(expect.arrayContaining(["pod_status", "launcher_output"]));
      const next = JSON.stringify(changeRecord(rewritable(record, raw), { status: "running", logs: ["x"] }, "t"));
      expect(readRecord("7", next).kind).toBe("record");
      const { status: _s, logs: _l, updated_at: _u, ...kept } = JSON.parse(raw);
      expect(JSON.parse(next)).toMatchObject(kept);
    }),
    { numRuns: 500 },
  );
});

test("unknown members never make a record unreadable", () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string().map((name) => `x_${name}`),
        json,
      ),
      (more) => {
        expect(reasonOf(JSON.stringify({ ...whole, ...more }))).toBeUndefined();
      },
    ),
  );
});
