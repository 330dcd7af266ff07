/** Waits for `ms`; rejects when the signal aborts. The timer module is loaded on demand, as most commands never wait. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { setTimeout } = await import("node:timers/promises");
  await setTimeout(ms, undefined, { signal });
}
