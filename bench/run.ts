import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { findLoadGenerator } from "./load.ts";
import { circumstances, table, writeResults } from "./report.ts";
import type { Line, Row } from "./row.ts";
import { dispatch } from "./rows/dispatch.ts";
import { getTask } from "./rows/get-task.ts";
import { page } from "./rows/page.ts";
import { pageDepth } from "./rows/page-depth.ts";
import { receipt } from "./rows/receipt.ts";
import { stoppedReaders } from "./rows/stopped-readers.ts";
import { submit } from "./rows/submit.ts";
import { type Effort, openStage, type Stage } from "./stage.ts";

const rows: readonly Row[] = [submit, getTask, page, pageDepth, dispatch, receipt, stoppedReaders];

const usage = `npm run bench -- [--quick] [--only <row>]…
  --quick  rounds of one second, to check that everything runs; the figures are rough
  --only   run only this row; may be repeated: ${rows.map(({ name }) => name).join(", ")}
A run of all rows without --quick writes bench/results.json.
`;

let stage: Stage | undefined;
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, async () => {
    interrupted = true;
    await stage?.close();
    process.exit(1);
  });
}

try {
  const { values } = parseArgs({
    options: { quick: { type: "boolean" }, only: { type: "string", multiple: true }, help: { type: "boolean" } },
  });
  if (values.help) process.stdout.write(usage);
  else await run(values.only ?? [], values.quick ?? false);
} catch (error) {
  if (!interrupted) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

async function run(only: readonly string[], quick: boolean): Promise<void> {
  const unknown = only.find((name) => !rows.some((row) => row.name === name));
  if (unknown !== undefined) throw new Error(`unknown row ${unknown}\n${usage}`);
  const effort: Effort = quick ? { quick, seconds: 1, rounds: 3 } : { quick, seconds: 3, rounds: 5 };
  const load = await findLoadGenerator();
  const [loadAverage = 0] = loadavg();
  if (loadAverage > 1)
    process.stdout.write(`The machine is busy (load average ${loadAverage.toFixed(1)}): the figures are rough\n`);
  const lines: Line[] = [];
  for (const row of rows.filter(({ name }) => only.length === 0 || only.includes(name))) {
    process.stdout.write(`measuring ${row.name}\n`);
    stage = openStage(effort, load);
    try {
      lines.push(...(await row.measure(stage)));
    } finally {
      await stage.close();
    }
  }
  const made = circumstances(await redisVersion(effort, load), load.name, loadAverage);
  const { node, redis, cores, processor } = made;
  process.stdout.write(`\n${table(lines)}\n\n`);
  process.stdout.write(`Node.js ${node}, Redis ${redis}, ${cores} cores (${processor}), load by ${load.name}\n`);
  if (only.length === 0 && !quick) await writeResults(lines, made);
}

async function redisVersion(...given: Parameters<typeof openStage>): Promise<string> {
  stage = openStage(...given);
  const { client } = await stage.redis();
  const server = await client.info("server");
  await stage.close();
  return /redis_version:(\S+)/.exec(server)?.[1] ?? "unknown";
}
