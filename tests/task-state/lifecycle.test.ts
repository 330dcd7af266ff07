import { expect, test } from "vitest";
import { canMove, isStatus, isTerminal, type Status, statuses, transitions } from "../../task-state/index.ts";

/** `x`: allowed. Rows: from, columns: to, both in the order of `order`. */
const moves: Record<Status, string> = {
  //                p d r C F q c
  pending: "         x x x x x x x",
  dispatching: "     x x x x x x x",
  running: "         . . x x x x x",
  cancel_requested: ". . . x x x x",
  completed: "       . . . x . . .",
  failed: "          . . . . x . .",
  cancelled: "       . . . . . . x",
};
const order: Status[] = ["pending", "dispatching", "running", "completed", "failed", "cancel_requested", "cancelled"];

test("the statuses are those that other programs can read, and no others", () => {
  expect([...statuses].sort()).toEqual([...order].sort());
  expect(Object.keys(transitions).sort()).toEqual([...order].sort());
});

test.each(order)("%s moves where the table says", (from) => {
  const allowed = moves[from].trim().split(" ");
  expect(order.map((to) => (canMove(from, to) ? "x" : "."))).toEqual(allowed);
});

test("completed, failed and cancelled are terminal, the others are not", () => {
  expect(order.filter(isTerminal)).toEqual(["completed", "failed", "cancelled"]);
});

test("a terminal status refuses every other one", () => {
  for (const from of order.filter(isTerminal)) {
    for (const to of order) expect(canMove(from, to)).toBe(from === to);
  }
});

test.each(["constructor", "__proto__", "toString", "Pending", "pending ", "queued", "", null, undefined, 1, {}])(
  "%j is no status",
  (value) => {
    expect(isStatus(value)).toBe(false);
  },
);

test("every status is a status", () => {
  expect(order.every(isStatus)).toBe(true);
});
