import { expect, test } from "vitest";
import { hasEnded, statuses } from "../../task-state/index.ts";
import { changeRecord, rewritable } from "../../task-state/record/record.ts";
import { foreignRecord, readable } from "./support.ts";

const time = "2026-11-24T05:00:00.000001+09:00";

test("completed, failed and cancelled records have ended, the others have not", () => {
  const ended = statuses.filter((status) => hasEnded(readable(foreignRecord("1", { status }))));
  expect(ended).toEqual(["completed", "failed", "cancelled"]);
});

test("a change keeps every field that nobody here knows, in its place and as it was written", () => {
  const raw =
    '{"x_first":1.0,"task_id":"1","service":"sync","user_id":"alice","status":"running","parameters":{"__proto__":"p"},' +
    '"created_at":"c","updated_at":"u","x_big":12345678901234567890,"__proto__":{"x":[]},"x_last":{"a":[],"b":{}}}';
  const changed = changeRecord(rewritable(readable(raw), raw), { status: "completed" }, time);
  expect(JSON.stringify(changed)).toBe(
    raw.replace('"running"', '"completed"').replace('"updated_at":"u"', `"updated_at":"${time}"`),
  );
});

test("log entries are appended with their time, dated ones first", () => {
  const record = readable(foreignRecord("1", { logs: ["t0,first, with a comma"] }));
  const { logs } = changeRecord(record, { logs: ["a, b", ""], datedLogs: ["t1,dated"] }, time);
  expect(logs).toEqual(["t0,first, with a comma", "t1,dated", `${time},a, b`, `${time},`]);
});

test("a record without logs gets them with the first entry, and not before", () => {
  const record = readable(foreignRecord("1"));
  expect(changeRecord(record, { logs: ["a"] }, time).logs).toEqual([`${time},a`]);
  expect(changeRecord(record, { priority: "high" }, time)).not.toHaveProperty("logs");
});

test("the changed record is another one", () => {
  const record = readable(foreignRecord("1", { logs: ["t0,a"] }));
  const before = JSON.stringify(record);
  changeRecord(record, { status: "running", logs: ["b"], result: { pod_status: "Running" } }, time);
  expect(JSON.stringify(record)).toBe(before);
});
