import { readinessPath } from "../shared/runtime/readiness.ts";
import type { FunctionProcess } from "./function-process.ts";

/** Why functions are not ready; `undefined` once each of them has been ready, and from then on always. */
export type FunctionsReadiness = () => Promise<string | undefined>;

/** The readiness of `count` functions, which run as these processes. */
export function createFunctionsReadiness(
  processes: () => readonly FunctionProcess[],
  count: number,
): FunctionsReadiness {
  const ready = new Set<string>();

  async function check({ name, port }: FunctionProcess): Promise<void> {
    if (ready.has(name)) return;
    const answered = await fetch(`http://127.0.0.1:${port}${readinessPath}`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (answered) ready.add(name);
  }

  return async () => {
    if (ready.size === count) return undefined;
    const running = processes();
    await Promise.all(running.map(check));
    if (ready.size === count) return undefined;
    const waiting = running.map(({ name }) => name).filter((name) => !ready.has(name));
    return `Not ready yet: ${waiting.join(", ") || "some functions have not started"}`;
  };
}
