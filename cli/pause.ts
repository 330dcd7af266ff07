/** Waits for some ms; rejects when the signal aborts. Loaded when it is needed, as most commands never wait. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { setTimeout } = await import("node:timers/promises");
  await setTimeout(ms, undefined, { signal });
}
