import { expect, test } from "vitest";
import { targetOf } from "../../shared/runtime/http-api-event.ts";

test.each([
  ["an encoded path stays as it is", "/a/%ED%95%9C%20b%2Fc", "/a/%ED%95%9C%20b%2Fc"],
  ["a decoded path is encoded again", "/a/한 b", "/a/%ED%95%9C%20b"],
  ["what would end the path is encoded", "/a?b#c", "/a%3Fb%23c"],
  ["a lone percent sign is encoded", "/100%/x", "/100%25/x"],
  ["half a character becomes its replacement", "/\ud800", "/%EF%BF%BD"],
])("%s", (_, rawPath, expected) => {
  expect(targetOf({ rawPath })).toBe(expected);
});

test("the query is passed on byte for byte", () => {
  expect(targetOf({ rawPath: "/a", rawQueryString: "x=1,2&x=%2F&y=%zz&=" })).toBe("/a?x=1,2&x=%2F&y=%zz&=");
});
