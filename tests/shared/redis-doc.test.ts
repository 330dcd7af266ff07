import { readFile } from "node:fs/promises";
import { beforeAll, expect, test } from "vitest";
import { keys } from "../../task-state/index.ts";
import { leastAccess } from "../support/access.ts";

let page = "";

beforeAll(async () => {
  page = await readFile(new URL("../../docs/redis.md", import.meta.url), "utf8");
});

/** Every key by its name, with a placeholder for each variable part. */
function keyNames(): string[] {
  const {
    record,
    metadata,
    service,
    users,
    owner,
    user,
    blocksUser,
    ordered,
    sidecar,
    parked,
    inFlightOf,
    idempotency,
    healing,
    ...plain
  } = keys;
  // A key that is missing above is a function among these, which does not compile.
  const names: string[] = Object.values(plain);
  return [
    ...names,
    ...[record, metadata, sidecar].map((key) => key("{id}")),
    ...[service, users].map((key) => key("{service}")),
    owner({ service: "{service}", user: "{user}" }),
    ...[user, blocksUser, parked, inFlightOf].map((key) => key("{user}")),
    ...[ordered, healing].map((key) => key("{set}")),
    idempotency("{digest}"),
  ];
}

/** The names in the first cells of the tables of keys. */
function keysOnPage(): string[] {
  return [...page.matchAll(/^\| `((?:task|index|blocks|dms):[^`]+)` /gm)].map(([, name = ""]) => name);
}

test("the tables of keys contain every key once, and nothing else", () => {
  expect(keysOnPage().toSorted()).toEqual(keyNames().toSorted());
});

test("every key of our own has a type, a meaning and a lifetime", () => {
  const rows = page.split("\n").filter((line) => line.startsWith("| `dms:"));
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) {
    const cells = row.split("|").map((cell) => cell.trim());
    expect(
      cells.slice(1, 5).filter((cell) => cell === ""),
      row,
    ).toEqual([]);
    expect(["string", "hash", "set", "sorted set", "stream"], row).toContain(cells[2]);
  }
});

test("the access rule contains the patterns and commands that a whole run needs", () => {
  const [, rule = ""] = /^ACL SETUSER ([\s\S]*?)^```/m.exec(page) ?? [];
  const words = rule.split(/\s+/);
  const commands = words.filter((word) => word.startsWith("+")).map((word) => word.slice(1));
  expect(words.filter((word) => word.startsWith("~"))).toEqual(leastAccess.keys);
  // This project uses no transactions.
  const needed = leastAccess.commands.filter((command) => command !== "multi" && command !== "exec");
  expect(commands.toSorted()).toEqual(needed.toSorted());
});
