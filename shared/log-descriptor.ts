import { constants, fstatSync, openSync } from "node:fs";
import { isatty } from "node:tty";

/** Standard output or standard error. */
export type StandardStream = 1 | 2;

/** An open descriptor for log lines. */
export interface LogDescriptor {
  readonly fd: number;
  /** True: a write that the reader has no room for fails with EAGAIN. False: it may block, so it must leave this thread. */
  readonly nonBlocking: boolean;
}

const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Opens a standard stream for writing, without blocking if it is a pipe, a socket or a terminal. Costs no cold start. */
export function openDescriptor(fd: StandardStream): LogDescriptor {
  const stat = fstatSync(fd);
  const hasReader = stat.isFIFO() || stat.isSocket();
  if (!hasReader && !isatty(fd)) return { fd, nonBlocking: false };
  try {
    // A descriptor of our own: other processes share the flags of the standard one.
    return { fd: openSync(`/proc/self/fd/${fd}`, flags), nonBlocking: true };
  } catch {
    // A socket, a pipe of another user, or a system without /proc.
    return { fd, nonBlocking: hasReader && openStream(fd).writable };
  }
}

/** Opens the stream of Node.js, which makes the descriptor of a pipe or a socket non-blocking. */
function openStream(fd: StandardStream): NodeJS.WriteStream {
  return fd === 1 ? process.stdout : process.stderr;
}
