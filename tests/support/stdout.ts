import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { LogLine } from "./service.ts";

/** A pipe for the standard output of a process, read only when the test asks for it. */
export interface TestPipe {
  /** The end that the process gets. */
  readonly fd: number;
  /** Fills the pipe, so that the next write of the process finds no room. */
  fill(): void;
  /** Everything that the process has written since the last call. */
  read(): string;
  /** Closes the end that reads. */
  close(): void;
}

/** Opens a pipe for the process of one test. */
export function openPipe(): TestPipe {
  const directory = mkdtempSync(join(tmpdir(), "dms-pipe-"));
  const path = join(directory, "pipe");
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const filler = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  // As a shell makes it: writes to this end block.
  const fd = openSync(path, constants.O_WRONLY);
  const open = new Set([reader, filler, fd]);
  const close = (end: number) => {
    if (open.delete(end)) closeSync(end);
  };
  onTestFinished(() => {
    for (const end of open) close(end);
    rmSync(directory, { recursive: true });
  });
  let filled = 0;
  return {
    fd,
    fill() {
      for (const size of [4096, 1]) {
        untilRefused(() => {
          filled += writeSync(filler, Buffer.alloc(size, "\n"));
        });
      }
    },
    read() {
      const parts: Buffer[] = [];
      untilRefused(() => {
        const part = Buffer.alloc(65_536);
        const bytes = readSync(reader, part);
        if (bytes === 0) throw new Error("the process has closed its end");
        parts.push(part.subarray(0, bytes));
      });
      const all = Buffer.concat(parts);
      const skipped = Math.min(filled, all.length);
      filled -= skipped;
      return all.toString("utf8", skipped);
    },
    close: () => close(reader),
  };
}

function untilRefused(attempt: () => void): void {
  try {
    for (;;) attempt();
  } catch {
    // EAGAIN: the pipe is full, or empty.
  }
}

/** The JSON lines of a text. */
export function linesOf(text: string): LogLine[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as LogLine);
}

/** Outputs that take nothing, as descriptors for a process of one test. */
export const unreadOutputs: readonly [name: string, open: () => number][] = [
  [
    "a pipe that nobody reads",
    () => {
      const pipe = openPipe();
      pipe.fill();
      return pipe.fd;
    },
  ],
  [
    "a closed pipe",
    () => {
      const pipe = openPipe();
      pipe.close();
      return pipe.fd;
    },
  ],
  [
    "a full disk",
    () => {
      const fd = openSync("/dev/full", "w");
      onTestFinished(() => closeSync(fd));
      return fd;
    },
  ],
];
