import { expect, test } from "vitest";
import { screenOf } from "./support/screen.ts";

test.each([
  ["lines stay", "one\r\ntwo\r\n", "one\ntwo\n"],
  ["a line is drawn over", "10%\r\n\u001b[1A\r\u001b[J20%\r\n", "20%\n"],
  ["a log grows above a view", "a\r\nbar 1\r\n\u001b[1A\r\u001b[Jb\r\nbar 2\r\n", "a\nb\nbar 2\n"],
  ["the start of a line is overwritten, the rest stays", "abc\rX", "Xbc"],
  ["the rest of a line is erased", "abc\rX\u001b[K", "X"],
  ["colours and the cursor are no text", "\u001b[?25l\u001b[32mok\u001b[0m\u001b[?25h", "ok"],
])("%s", (_name, written, screen) => {
  expect(screenOf(written)).toBe(screen);
});
