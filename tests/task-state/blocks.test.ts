import { expect, test } from "vitest";
import { findHold, holdText, keys } from "../../task-state/index.ts";
import { readHold } from "../../task-state/queue/blocks.ts";
import { useRedis } from "../support/redis.ts";
import { commandsDuring } from "./support.ts";

const redis = useRedis();
const yes = '{"blocked":true}';
const no = '{"blocked":false,"blocked_users":[]}';

test.each([
  ["nothing", null, null, null, undefined],
  ["a pause", "2026-11-24", null, null, "paused"],
  ["a pause without a text", "", null, null, "paused"],
  ["a pause beside blocks", "2026-11-24", yes, yes, "paused"],
  ["a block of all", null, yes, null, "all_blocked"],
  ["a block of all beside one of the user", null, yes, yes, "all_blocked"],
  ["a block of the user", null, null, yes, "user_blocked"],
  ["a block of the user beside none of all", null, no, yes, "user_blocked"],
  ["the user among the blocked ones", null, '{"blocked":false,"blocked_users":["zoe","alice"]}', null, "user_blocked"],
  ["the user among them, without more", null, '{"blocked_users":["alice"]}', '{"blocked":false}', "user_blocked"],
  [
    "others among the blocked ones",
    null,
    '{"blocked":false,"blocked_users":["alic","alice2","ALICE"]}',
    null,
    undefined,
  ],
  ["ended blocks", null, no, '{"blocked":false}', undefined],
] as const)("%s: %#", (_, paused, all, user, hold) => {
  expect(readHold("alice", paused, all, user)).toBe(hold);
});

test.each([
  "",
  "{",
  "null",
  "true",
  '"x"',
  "[]",
  "{}",
  '{"blocked":"true"}',
  '{"blocked":1}',
  '{"blocked_users":"alice"}',
])("%j blocks nothing", (text) => {
  expect(readHold("alice", null, text, text)).toBeUndefined();
});

test("names of built-ins are not blocked by accident", () => {
  for (const user of ["__proto__", "constructor", "length", "0"]) {
    expect(readHold(user, null, '{"blocked_users":["alice"]}', null)).toBeUndefined();
  }
});

test("the keys are those of the scheduler, read in one command", async () => {
  await redis.client.set("blocks:user:a:b", yes);
  expect(await findHold(redis.client, "a:b")).toBe("user_blocked");
  expect(await findHold(redis.client, "a")).toBeUndefined();
  await redis.client.set("blocks:all", yes);
  expect(await findHold(redis.client, "a")).toBe("all_blocked");
  const commands = await commandsDuring(redis, () => findHold(redis.client, "a"));
  expect(commands).toEqual([["mget", keys.paused, "blocks:all", "blocks:user:a"]]);
});

test("a hold says what it is", () => {
  expect(["paused", "all_blocked", "user_blocked"].map((hold) => holdText(hold as "paused", "alice"))).toEqual([
    "dispatch is paused",
    "all requests are blocked",
    "requests of alice are blocked",
  ]);
});
