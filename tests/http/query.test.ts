import { expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { useService } from "../support/service.ts";
import {
  aliceTask,
  aliceTasks,
  detailIn,
  expectProblem,
  parametersOf,
  parseAnswer,
  requestBytes,
  sendBytes,
  submit,
  taskIn,
} from "./support.ts";

const service = useService();

test.each<[string, string, [string, string][]]>([
  ["percent signs are decoded", "?src=%2Fhome%2Fa%20b", [["src", "/home/a b"]]],
  [
    "a plus is a blank, and an encoded plus is a plus",
    "?a=b+c&d=1%2B1",
    [
      ["a", "b c"],
      ["d", "1+1"],
    ],
  ],
  ["names are decoded like values", "?a+b%3D=c", [["a b=", "c"]]],
  [
    "the last duplicate wins, at the position of the first",
    "?a=1&b=2&a=3",
    [
      ["a", "3"],
      ["b", "2"],
    ],
  ],
  ["the last duplicate wins when it is blank", "?a=1&a=", [["a", ""]]],
  [
    "blank values are kept",
    "?a=&b&c=1",
    [
      ["a", ""],
      ["b", ""],
      ["c", "1"],
    ],
  ],
  ["an empty name is kept", "?=x", [["", "x"]]],
  ["a name may begin with a question mark", "??a=1", [["?a", "1"]]],
  [
    "commas are left alone",
    "?a=1,2&b=%2C&c=,",
    [
      ["a", "1,2"],
      ["b", ","],
      ["c", ","],
    ],
  ],
  [
    "values stay strings",
    "?n=1&t=true&o={}&l[]=1",
    [
      ["n", "1"],
      ["t", "true"],
      ["o", "{}"],
      ["l[]", "1"],
    ],
  ],
  ["only the first equals sign parts name and value", "?a=b=c", [["a", "b=c"]]],
  ["a semicolon parts nothing", "?a=1;b=2", [["a", "1;b=2"]]],
  [
    "a second question mark is data",
    "?a=?&b?=1&?c=2",
    [
      ["a", "?"],
      ["b?", "1"],
      ["?c", "2"],
    ],
  ],
  ["a second question mark is data at once behind the first", "??a=1", [["?a", "1"]]],
  ["empty pairs are skipped", "?&&a=1&", [["a", "1"]]],
  [
    "broken percent signs stay",
    "?a=100%&b=%zz&c=%4",
    [
      ["a", "100%"],
      ["b", "%zz"],
      ["c", "%4"],
    ],
  ],
  ["the replacement character is text", "?a=%EF%BF%BD", [["a", "\ufffd"]]],
  [
    "any script and any plane is kept",
    `?${encodeURIComponent("用户")}=${encodeURIComponent("ü😀")}`,
    [["用户", "ü😀"]],
  ],
  ["control characters in values are data", "?a=%01%0a%0d%22%5c", [["a", '\u0001\n\r"\\']]],
  [
    "names of the API are plain data here",
    "?user_id=bob&limit=x&task_id=9",
    [
      ["user_id", "bob"],
      ["limit", "x"],
      ["task_id", "9"],
    ],
  ],
  ["no query means no parameters", "", []],
  ["an empty query means no parameters", "?", []],
])("%s", async (_, query, parameters) => {
  expect(await parametersOf(service, query)).toEqual(parameters);
});

test("names such as __proto__ are plain data, in Redis as in the answer", async () => {
  const id = await submit(service, "?__proto__=x&constructor=y&toString=z&hasOwnProperty=");
  const expected = '"parameters":{"__proto__":"x","constructor":"y","toString":"z","hasOwnProperty":""}';
  expect(await service.redis.client.get(keys.record(id))).toContain(expected);
  expect((await service.get(aliceTask(id))).text).toContain(expected);
  expect(taskIn(await service.get("/services/sync/tasks/1?__proto__=x&user_id=alice")).task_id).toBe(id);
});

test("a whole number as a name does not lose its task", async () => {
  expect(Object.fromEntries(await parametersOf(service, "?b=1&2=x&1=y"))).toEqual({ b: "1", 1: "y", 2: "x" });
});

test("bytes beyond ASCII that a client has not percent-encoded are refused, never garbled", async () => {
  const answer = parseAnswer(await sendBytes(service, requestBytes("POST", `/api/v1${aliceTasks}?a=ü`)));
  expect(answer.status).toBe(400);
});

test.each([
  ["?a=%ff", 'parameter "a" must be UTF-8 text, percent-encoded'],
  ["?a=1&a=%c3%28&a=2", 'parameter "a" must be UTF-8 text, percent-encoded'],
  ["?a=%ed%a0%80", 'parameter "a" must be UTF-8 text, percent-encoded'],
  ["?%ff=a", 'parameter "\ufffd" must be UTF-8 text, percent-encoded'],
  ["?a=x%00y", 'parameter "a" must not contain a NUL character'],
])("a submission with %s is 422 and stores nothing", async (query, detail) => {
  const reply = await service.post(aliceTasks + query);
  expectProblem(reply, 422);
  expect(detailIn(reply)).toBe(detail);
  expect(await service.redis.client.dbsize()).toBe(0);
});

test("a query of a read that is no text is 422, too", async () => {
  const reply = await service.get("/services/sync/tasks/1?user_id=%ff");
  expectProblem(reply, 422);
  expect(detailIn(reply)).toContain("user_id: must be UTF-8 text, percent-encoded");
});

test("user_id is decoded like any other, and the last one counts", async () => {
  const id = await submit(service, "", "/services/sync/users/a%20b+c/tasks");
  for (const query of ["user_id=a+b%2Bc", "user_id=x&user_id=a%20b%2Bc", "x=user_id&user_id=a+b%2Bc&y"]) {
    expect(taskIn(await service.get(`/services/sync/tasks/${id}?${query}`)).user_id).toBe("a b+c");
  }
});
