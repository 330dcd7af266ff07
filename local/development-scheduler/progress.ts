/** The pace of development jobs. */
export interface Pace {
  /** Number of steps of a job. */
  readonly steps: number;
  readonly stepMs: number;
}

/** The progress of a job after some of its steps. */
interface Progress {
  /** From 0 to 1. */
  readonly share: number;
  readonly seconds: number;
}

const totalGigabytes = 2.468;
const totalItems = 2400;

/** The output of a job of this service after `step` steps: one mpiFileUtils progress line per step, oldest first. */
export function launcherOutput(service: string, step: number, { steps, stepMs }: Pace): string {
  const line = lineOf(service);
  const last = Math.min(step, steps);
  return Array.from({ length: last + 1 }, (_, index) =>
    line({ share: index / steps, seconds: (index * stepMs) / 1000 }),
  ).join("\n");
}

function lineOf(service: string): (progress: Progress) => string {
  if (/sync|copy/i.test(service)) return copied;
  if (/remove|delete|\brm\b/i.test(service)) return removed;
  return created;
}

function copied(progress: Progress): string {
  const gigabytes = totalGigabytes * progress.share;
  const speed = `${perSecond(gigabytes, progress).toFixed(3)} GB/s`;
  const done = `Copied ${gigabytes.toFixed(3)} GB (${percent(progress, 0)}) in ${progress.seconds.toFixed(3)} secs (${speed})`;
  return `${done} ${rest(progress, "left")}`;
}

function created(progress: Progress): string {
  return `Created ${items(progress, 0)} ${rest(progress, "left")}`;
}

function removed(progress: Progress): string {
  return `Removed ${items(progress, 2)} ${rest(progress, "remaining")}`;
}

function items(progress: Progress, digits: number): string {
  const count = Math.round(totalItems * progress.share);
  const speed = Math.round(perSecond(count, progress));
  return `${count} items (${percent(progress, digits)}) in ${progress.seconds.toFixed(1)} secs (${speed} items/sec)`;
}

function percent({ share }: Progress, digits: number): string {
  return `${(share * 100).toFixed(digits)}%`;
}

function perSecond(amount: number, { seconds }: Progress): number {
  return seconds > 0 ? amount / seconds : 0;
}

function rest({ share, seconds }: Progress, word: "left" | "remaining"): string {
  if (share >= 1) return "done";
  // As the real tools: -1 as long as the speed is unknown.
  const left = share > 0 ? Math.round((seconds / share) * (1 - share)) : -1;
  return `${left} secs ${word} ...`;
}
