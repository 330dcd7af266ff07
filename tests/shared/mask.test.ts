import { expect, test } from "vitest";
import { maskUrl } from "../../shared/mask.ts";

test.each([
  ["redis://redis:6379/0", "redis://redis:6379/0"],
  ["redis://user:hunter2@redis:6379/0", "redis://user:***@redis:6379/0"],
  ["rediss://:hunter2@redis/0", "rediss://:***@redis/0"],
  ["redis://:h%40nter2@redis", "redis://:***@redis"],
  ["http://user:hunter2@scheduler/tasks", "http://user:***@scheduler/tasks"],
  ["redis://:hun/ter2@redis", "redis://***@redis"],
  ["redis://user:12/34@redis", "redis://***@redis"],
  ["redis:user:hunter2@redis", "***@redis"],
  ["user:hunter2@redis:6379", "***@redis:6379"],
])("%j is shown as %j", (url, shown) => {
  expect(maskUrl(url)).toBe(shown);
});

test("a password that a client would read from the query is masked too", () => {
  expect(maskUrl("redis://redis:6379/0?password=hunter2&family=6")).not.toContain("hunter2");
});
