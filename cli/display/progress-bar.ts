import { formatDuration } from "../duration.ts";
import type { Paint } from "../output/colour.ts";
import { type Progress, shortProgress } from "./progress.ts";

/** `56%, 1.234 GB, 0.100 GB/s, 10s left` */
export function progressText(progress: Progress): string {
  const { amount, rate, secondsLeft, done } = progress;
  const left = secondsLeft === undefined ? [] : [`${formatDuration(secondsLeft * 1000)} left`];
  return [shortProgress(progress), amount, rate, ...(done ? ["done"] : left)].join(", ");
}

/** A progress bar of `width` columns with its text, such as `█████░░░░░ 56%, …`. */
export function progressBar(progress: Progress, width: number, paint: Paint): string {
  const filled = Math.round((progress.percent / 100) * width);
  const bar = paint("green", "█".repeat(filled)) + paint("dim", "░".repeat(width - filled));
  return `${bar} ${progressText(progress)}`;
}
