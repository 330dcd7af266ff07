import { expect, test } from "vitest";
import { useService } from "../support/service.ts";
import {
  aliceTask,
  aliceTasks,
  detailIn,
  expectProblem,
  parseAnswer,
  requestBytes,
  sendBytes,
  submit,
  taskIn,
} from "./support.ts";

const service = useService();
const json = { "content-type": "application/json" };
const KiB = 1024;

function submitBody(body: unknown, query = "", headers: Record<string, string> = json) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return service.post(aliceTasks + query, { body: text, headers });
}

async function parameters(id = "1"): Promise<[string, string][]> {
  return Object.entries(taskIn(await service.get(aliceTask(id))).parameters);
}

test("a content type without a body is ignored", async () => {
  const bytes = requestBytes("POST", "/api/v1/services/sync/users/alice/tasks?a=1", ["Content-Type: application/json"]);
  expect(parseAnswer(await sendBytes(service, bytes)).status).toBe(202);
});

test("the parameters of a body add to those of the query, which take precedence", async () => {
  const reply = await submitBody(
    { parameters: { src: "/body", list: "a,b", empty: "", "ü 用户": "\n" } },
    "?src=/query&dst=/d",
  );
  expect(reply.status, reply.text).toBe(202);
  expect(Object.fromEntries(await parameters())).toEqual({
    src: "/query",
    dst: "/d",
    list: "a,b",
    empty: "",
    "ü 用户": "\n",
  });
});

test("a body of another charset spelling, an empty object and an empty body are fine", async () => {
  const charset = { "content-type": "Application/JSON; charset=utf-8" };
  expect((await submitBody({ parameters: { a: "1" } }, "", charset)).status).toBe(202);
  expect(await parameters("1")).toEqual([["a", "1"]]);
  for (const body of ["{}", '{"parameters":{}}', ""]) expect((await submitBody(body)).status, body).toBe(202);
  expect(await parameters("2")).toEqual([]);
});

test("names such as __proto__ are plain data in a body, too", async () => {
  expect((await submitBody('{"parameters":{"__proto__":"a","constructor":"b"}}')).status).toBe(202);
  const record = (await service.get(aliceTask("1"))).text;
  expect(record).toContain('"parameters":{"__proto__":"a","constructor":"b"}');
});

test.each([
  ["{", "must be JSON"],
  ["null", "must be JSON of the form"],
  ["[]", "must be JSON of the form"],
  ['"text"', "must be JSON of the form"],
  ['{"src":"/a"}', '"src" is not known'],
  ['{"parameters":["a"]}', "must be JSON of the form"],
  ['{"parameters":{"count":7}}', 'parameter "count" must be a string'],
  ['{"parameters":{"none":null}}', 'parameter "none" must be a string'],
  ['{"parameters":{"bad":"\\ud800"}}', 'parameter "bad" must be valid Unicode'],
  ['{"parameters":{"\\udc00":"a"}}', 'parameter "\\udc00" must be valid Unicode'],
  ['{"parameters":{"bad":"a\\u0000b"}}', 'parameter "bad" must not contain a NUL character'],
])("a body %s is 422 and says why", async (body, why) => {
  const reply = await submitBody(body);
  expectProblem(reply, 422);
  expect(detailIn(reply)).toContain(why);
  expect(await service.redis.client.dbsize()).toBe(0);
});

test("bytes that are not UTF-8 are 422", async () => {
  const body = Buffer.concat([Buffer.from('{"parameters":{"a":"'), Buffer.from([0xff]), Buffer.from('"}}')]);
  expectProblem(await service.post(aliceTasks, { body, headers: json }), 422);
});

test("the limits of a body are those of the query", async () => {
  const value = "\u0001".repeat(64 * KiB - 3);
  const reply = await submitBody({ parameters: { src: value } });
  expect(reply.status, reply.text.slice(0, 200)).toBe(202);
  expect(await parameters()).toEqual([["src", value]]);
  expectProblem(await submitBody({ parameters: { src: value } }, "?more=1"), 413);
  const names = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`p${index}`, ""]));
  expectProblem(await submitBody({ parameters: names }, "?more=1"), 413);
  expectProblem(await submitBody({ parameters: { src: "x".repeat(600 * KiB) } }), 413);
});

test("a JSON body elsewhere is dropped", async () => {
  const id = await submit(service);
  expect((await service.post(aliceTask(id, "/cancel"), { body: "{", headers: json })).status).toBe(200);
});
