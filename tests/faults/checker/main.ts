/** Judges a history from a file of JSON lines: `node tests/faults/checker/main.ts <file>`. Exits with 1 for a violation. */
import { readFileSync } from "node:fs";
import { parseLines } from "./history.ts";
import { describeVerdict, judge } from "./verdict.ts";

const [, , file = ""] = process.argv;
const lines = parseLines(readFileSync(file, "utf8"));
const verdict = judge(lines);
process.stdout.write(`${describeVerdict(lines, verdict, 100)}\n${JSON.stringify(verdict.figures)}\n`);
process.exitCode = verdict.violations.length > 0 ? 1 : 0;
