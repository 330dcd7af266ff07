import { appendFile, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describeVerdict } from "../checker/verdict.ts";
import { type Lab, type LabOptions, openLab } from "./lab.ts";
import { type Plan, planHistory } from "./plan.ts";
import { type Played, playHistory } from "./play.ts";

export interface CampaignOptions {
  /** Histories by their numbers, shared among labs that play side by side. */
  readonly numbers: readonly number[];
  readonly labs: number;
  readonly lab?: LabOptions;
  /** No history is begun any more after this time, in ms. @default never */
  readonly untilMs?: number;
}

/** What many histories came to. */
export interface Figures {
  histories: number;
  operations: number;
  accepted: number;
  executed: number;
  unanswered: number;
  /** Histories with the scheduler that talks, and with the silent ones. */
  talks: number;
  silent: number;
  kills: number;
  /** Longest time from a history's last fault until all is settled, in ms. */
  slowest: number;
  /** How often each fault was played. */
  faults: Record<string, number>;
  /** Requests that each fault of the scheduler has met. */
  met: Record<string, number>;
  /** Violations by rule. */
  broken: Record<string, number>;
  /** What the checker says of each history that breaks a rule. */
  readonly reports: string[];
}

/** No figures yet. */
export function noFigures(): Figures {
  const none = { histories: 0, operations: 0, accepted: 0, executed: 0, unanswered: 0, talks: 0, silent: 0, kills: 0 };
  return { ...none, slowest: 0, faults: {}, met: {}, broken: {}, reports: [] };
}

/** Plays histories and adds to the figures. Those that break a rule are left as files; a lab that they used is replaced. */
export async function runCampaign(options: CampaignOptions, figures: Figures): Promise<void> {
  const { numbers, labs, untilMs = Number.POSITIVE_INFINITY } = options;
  const begun = performance.now();
  const waiting = [...numbers];
  const work = async () => {
    let lab: Lab | undefined;
    try {
      while (performance.now() - begun < untilMs) {
        const number = waiting.shift();
        if (number === undefined) return;
        const plan = planHistory(number);
        lab ??= await openLab(options.lab);
        const clean = await playOne(lab, plan, figures);
        if (clean) continue;
        await lab.close();
        lab = undefined;
      }
    } finally {
      await lab?.close();
    }
  };
  await Promise.all(Array.from({ length: labs }, work));
}

/** True when the lab may be used again. */
async function playOne(lab: Lab, plan: Plan, figures: Figures): Promise<boolean> {
  figures.histories += 1;
  figures[plan.silence === "talks" ? "talks" : "silent"] += 1;
  try {
    const played = await playHistory(lab, plan);
    await add(figures, played);
    const defects = lab.processes.flatMap(({ process }) => process.defects);
    if (played.verdict.violations.length > 0 && defects.length > 0) {
      figures.reports.push(`  logged meanwhile: ${defects.slice(0, 3).join("\n  ").slice(0, 2000)}`);
    }
    return played.again && played.verdict.violations.length === 0;
  } catch (error) {
    figures.broken.unplayed = (figures.broken.unplayed ?? 0) + 1;
    figures.reports.push(`${plan.name} could not be played: ${error instanceof Error ? error.stack : error}`);
    return false;
  }
}

async function add(figures: Figures, { verdict, faults, met, lines }: Played): Promise<void> {
  for (const figure of ["operations", "accepted", "executed", "unanswered"] as const) {
    figures[figure] += verdict.figures[figure];
  }
  addAll(figures.faults, faults);
  addAll(figures.met, met);
  addAll(figures.broken, verdict.figures.broken);
  for (const [name, count] of Object.entries(faults)) if (name.endsWith("killed")) figures.kills += count;
  for (const line of lines) if (line.kind === "quiet") figures.slowest = Math.max(figures.slowest, line.afterMs ?? 0);
  if (verdict.violations.length === 0) return;
  const file = join(await mkdtemp(join(tmpdir(), "dms-broken-")), "history.jsonl");
  for (const line of lines) await appendFile(file, `${JSON.stringify(line)}\n`);
  figures.reports.push(`${describeVerdict(lines, verdict, 5)}\n  the whole of it: ${file}`);
}

function addAll(sums: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
}

/** The figures as a table, and as JSON in a file. */
export async function publish(figures: Figures, file: string): Promise<string> {
  const { faults, met, broken, reports, ...counts } = figures;
  const { lost = 0, twice = 0, stuck = 0, harm = 0, ...others } = broken;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify({ ...counts, lost, twice, stuck, harm, others, faults, met }, null, 2)}\n`);
  const rows = [
    ...Object.entries({ ...counts, slowest: Math.round(counts.slowest), lost, twice, stuck, harm, ...others }),
    ...Object.entries(faults).map(([name, count]) => [
      `fault: ${name}`,
      `${count}${name in met ? `, met ${met[name]} requests` : ""}`,
    ]),
  ];
  return rows.map(([name, value]) => `  ${String(name).padEnd(32)} ${value}`).join("\n");
}
