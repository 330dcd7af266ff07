import { write, writeSync } from "node:fs";
import { createLogBuffer } from "./log-buffer.ts";
import { type LogDescriptor, openDescriptor, type StandardStream } from "./log-descriptor.ts";

/**
 * Where log lines go. A reader that stops, a closed pipe or a full disk delays nobody and ends nothing: lines wait in memory up
 * to a limit, and later ones are dropped and counted.
 */
export interface LogOutput {
  /** Writes a line soon. Never throws. */
  write(line: string): void;
  /** Writes what waits, and calls back when it is written, or when the output has taken nothing for `stallTimeout`. */
  flush(done?: () => void): void;
  /** Sets what is called with the number of dropped lines, as soon as everything before them is written. */
  onDropped(report: (count: number) => void): void;
}

export interface LogOutputOptions {
  /** @default standard output */
  readonly fd?: StandardStream;
  /**
   * Writes each line before `write` returns, for a process that may be frozen afterwards; waits up to `stallTimeout` for a
   * slow reader. @default false
   */
  readonly immediate?: boolean;
  /** Makes the text of a line. @default the line itself */
  readonly format?: (line: string) => string;
}

/** Maximum size of the lines that wait, in bytes. */
const maxWaiting = 4 * 1024 * 1024;
/** Size at which lines are written at once, in bytes: one write per line would cost more than the request. */
const batchSize = 4096;
/** Longest time that a line waits for others, in ms. */
const batchTime = 100;
/** Longest time until a failed write is retried, in ms. */
const longestPause = 250;
/** Time without progress after which nobody waits for the output any more, in ms. */
const stallTimeout = 500;
/** Time between two attempts while somebody waits, in ms. */
const attemptInterval = 5;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Creates an output on a standard stream. It writes what still waits when the process ends. */
export function createLogOutput({ fd = 1, immediate = false, format }: LogOutputOptions = {}): LogOutput {
  const buffer = createLogBuffer(maxWaiting);
  let report: (count: number) => void = () => {};
  let descriptor: LogDescriptor | undefined;
  let used = false;
  let busy = false;
  let timer: NodeJS.Timeout | undefined;
  let pause = 0;
  /** Since when the output takes nothing. */
  let stalledAt: number | undefined;

  const open = () => {
    descriptor ??= openDescriptor(fd);
    return descriptor;
  };
  const isStalled = () => stalledAt !== undefined && performance.now() - stalledAt >= stallTimeout;
  const settle = (written: number) => {
    const left = buffer.take(written);
    stalledAt = written > 0 ? undefined : (stalledAt ?? performance.now());
    if (written === 0) pause = Math.min(longestPause, 2 * pause + 1);
    else pause = left > 0 ? 1 : 0;
  };
  const reportDropped = () => {
    const count = buffer.takeDropped();
    if (count > 0) report(count);
  };
  const schedule = (ms: number) => {
    timer = setTimeout(() => {
      timer = undefined;
      deliver();
    }, ms).unref();
  };

  /** Takes in the result of a write, and plans the next one if something is left. */
  const end = (written: number) => {
    settle(written);
    reportDropped();
    if (buffer.size() === 0) return;
    clearTimeout(timer);
    schedule(pause || batchTime);
  };
  /** Writes once what waits, without waiting for the result. */
  function deliver(): void {
    if (busy) return;
    if (buffer.size() === 0) {
      reportDropped();
      return;
    }
    const { fd: target, nonBlocking } = open();
    if (nonBlocking) {
      end(attempt(target, buffer.next()));
      return;
    }
    busy = true;
    write(target, buffer.next(), (error, written) => {
      busy = false;
      end(error ? 0 : written);
    });
  }

  /** Writes everything before it returns, unless the output takes nothing. */
  function writeAll(): void {
    for (;;) {
      reportDropped();
      if (buffer.size() === 0) return;
      settle(attempt(open().fd, buffer.next()));
      if (isStalled()) return;
      if (stalledAt !== undefined) Atomics.wait(sleeper, 0, 0, attemptInterval);
    }
  }

  return {
    write(line) {
      if (!used) {
        used = true;
        process.once("exit", () => {
          // The thread pool ends the write under way.
          if (busy) buffer.take(buffer.next().length);
          writeAll();
        });
      }
      buffer.add(format ? format(line) : line);
      if (immediate) writeAll();
      else if (buffer.size() >= batchSize && pause === 0) deliver();
      else if (!timer) schedule(batchTime);
    },
    flush(done = () => {}) {
      const poll = () => {
        deliver();
        if (buffer.size() === 0 || isStalled()) done();
        else setTimeout(poll, attemptInterval);
      };
      poll();
    },
    onDropped(given) {
      report = given;
    },
  };
}

/** The number of bytes written; 0 if the output takes nothing now, whatever the reason. */
function attempt(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes);
  } catch {
    return 0;
  }
}
