import { expect, test } from "vitest";
import { difference } from "./support/output.ts";

test.each([
  ["the same text", "one\ntwo", "one\ntwo\n"],
  ["other spaces within a line", "ID  STATUS", "ID     STATUS  "],
  ["any text for …", "Copied … GB\n…\ndone", "Copied 0.6 GB\nx\ny\ndone"],
  ["other times", "at 2026-11-24T08:30:44.307665+09:00, 08:30:31", "at 2027-01-01T00:00:00Z, 23:59:59"],
  ["another date in a header", "date: Thu, 26 Nov 2026 08:03:01 GMT", "date: Fri, 01 Jan 2027 00:00:00 GMT"],
  ["other durations", "round trip  4.7 ms, 13s ago, now", "round trip 12 ms, 2s ago, 1m ago"],
  ["other ids", "Submitted task 1. Task 1 on host-6415-b70543ed", "Submitted task 17. Task 17 on a.b-1-00000000"],
  ["other ports", "on http://127.0.0.1:6379/", "on http://127.0.0.1:41234/"],
  ["JSON with its members in another order", '{"a": 1, "b": [2]}', '{"b":[2],"a":1}'],
  ["JSON with another id and age", '{"task_id":"1","seen_seconds_ago":0.6}', '{"task_id":"9","seen_seconds_ago":12}'],
  ["JSON with any value for …", '{"a":"…","b":"x…z"}', '{"a":[1],"b":"xyz"}'],
  ["JSON with further members and elements for …", '{"a":[1,"…",4],"…":"…"}', '{"a":[1,2,3,4],"b":1}'],
  [
    "JSON that is folded and cut short",
    '{"task":{"id":"1",…,\n"status":"cancelled"}}',
    '{"task":{"id":"1","x":2,"status":"cancelled"}}',
  ],
  ["values in a row, one a line", '{"a":1}\n{"a":2}', '{"a":1}{"a":2}'],
])("%s agrees", (_name, shown, printed) => {
  expect(difference(shown, printed)).toBeUndefined();
});

test.each([
  ["another word", "completed", "failed"],
  ["a line more", "one", "one\ntwo"],
  ["a line less", "one\ntwo", "one"],
  ["nothing", "one", ""],
  ["another end after …", "one … three", "one two four"],
  ["a special character of patterns", "a.c", "abc"],
  ["a count", "3 tasks", "4 tasks"],
  ["another value in JSON", '{"a":{"b":1}}', '{"a":{"b":2}}'],
  ["a member more in JSON", '{"a":1}', '{"a":1,"b":2}'],
  ["a member less in JSON", '{"a":1,"b":"…"}', '{"a":1}'],
  ["an element more in JSON", "[1]", "[1,2]"],
  ["too few elements around …", '[1,"…",2]', "[1]"],
  ["another text in JSON that is cut short", '{"a":1,…,"status":"cancelled"}', '{"a":1,"b":2,"status":"running"}'],
  ["an id of another kind", '{"task_id":"1"}', '{"task_id":"one"}'],
])("%s differs", (_name, shown, printed) => {
  expect(difference(shown, printed)).toMatch(/^the document shows\n[\s\S]*\nand its commands print\n/);
});
