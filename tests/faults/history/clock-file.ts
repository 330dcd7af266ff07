import { writeFileSync } from "node:fs";
import type { Faketime } from "../../support/faketime.ts";

/** The wall clock of a process that was started with this environment. */
export interface Clock {
  readonly environment: Readonly<Record<string, string>>;
  /** Puts it so many seconds before or behind ours. */
  step(seconds: number): void;
}

/** A clock that is moved by a file; `undefined` without libfaketime. */
export function openClock(faketime: Faketime | undefined, file: string, of: "redis" | "node"): Clock | undefined {
  if (!faketime) return undefined;
  const step = (seconds: number) => writeFileSync(file, `${seconds < 0 ? "" : "+"}${seconds}\n`);
  step(0);
  return { environment: of === "redis" ? faketime.redisEnvironment(file) : faketime.environment(file), step };
}
