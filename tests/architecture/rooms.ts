import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ImportGraph, root } from "./import-graph.ts";

/** A room and the rooms that its files import, besides itself. */
export type Arrows = ReadonlyMap<string, readonly string[]>;

/** The table of docs/architecture.md, "Rooms": one row a room, both columns in backticks. */
export function documentedArrows(): Arrows {
  const text = readFileSync(join(root, "docs/architecture.md"), "utf8");
  const [, section = ""] = text.split(/^## Rooms$/m);
  const arrows = new Map<string, readonly string[]>();
  for (const line of (section.split(/^## /m)[0] ?? "").split("\n")) {
    const [, room, , imports] = /^\| `([^`]+)`\s*\|([^|]*)\|([^|]*)\|$/.exec(line) ?? [];
    if (room !== undefined) arrows.set(room, namesIn(imports ?? ""));
  }
  return arrows;
}

function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name).sort();
}

/** The room that a file is in: the most specific one. `undefined` for a file outside all of them. */
export function roomOf(file: string, rooms: Iterable<string>): string | undefined {
  let found: string | undefined;
  for (const room of rooms) {
    if (file.startsWith(`${room}/`) && room.length > (found?.length ?? 0)) found = room;
  }
  return found;
}

/** The arrows between rooms as the files' imports make them. */
export function actualArrows({ files, importsOf }: ImportGraph, rooms: readonly string[]): Arrows {
  const arrows = new Map<string, Set<string>>(rooms.map((room) => [room, new Set()]));
  for (const file of files) {
    const from = roomOf(file, rooms);
    if (from === undefined) continue;
    for (const target of importsOf(file)) {
      const to = roomOf(target, rooms);
      if (to !== undefined && to !== from) arrows.get(from)?.add(to);
    }
  }
  return new Map([...arrows].map(([room, targets]) => [room, [...targets].sort()]));
}
