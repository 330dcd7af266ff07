import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

const living = new Set<ChildProcess>();

// A test run that ends early must not leave processes behind.
process.once("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

/** Has the process end with ours, however ours ends. */
export function keep<T extends ChildProcess>(child: T): T {
  living.add(child);
  child.once("exit", () => living.delete(child));
  return child;
}

/** Sends the signal and resolves when the process is gone. Tolerates one that is gone already. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
}
