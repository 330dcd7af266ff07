import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { findRedisServer } from "../../../local/redis-binary.ts";
import { startProcess } from "../../cli/support/run.ts";
import { addCommand, type Checkout } from "./checkout.ts";
import { root } from "./documents.ts";
import { screenOf } from "./screen.ts";
import { type Step, showsError } from "./step.ts";

/** What has become of one step. */
export interface StepResult {
  readonly step: Step;
  /** Both streams, as they stay on a terminal's screen. */
  readonly printed: string;
  /** It went to its end; a failing command has stopped the shell; the time was over; or a step before it was stopped. */
  readonly end: "done" | "failed" | "timed out" | "not reached";
}

export interface ShellOptions {
  readonly checkout: Checkout;
  /** That of the private Redis, to which `redis-cli` connects. */
  readonly redisPort: number;
  /** Ports of the documents → the real ones. */
  readonly ports: ReadonlyMap<number, number>;
  readonly env: Readonly<Record<string, string>>;
  /** Time for all steps. @default 120 */
  readonly limitSeconds?: number;
}

/** Separates what the steps print; no program of ours prints it. */
const separator = "\u001e";
/** What `timeout` ends with. */
const timeoutCode = 124;
const portPlace = "(?<=\\b(?:localhost|127\\.0\\.0\\.1):| -p )";

/**
 * Runs steps in order in one bash in a terminal of 120 columns, in the checkout. A failing command ends it, except in a
 * step that shows an error: there the comparison of the output decides.
 */
export async function runSteps(
  steps: readonly Step[],
  { checkout, redisPort, ports, env, limitSeconds = 120 }: ShellOptions,
): Promise<readonly StepResult[]> {
  await addOwnCommands(checkout, redisPort);
  const main = await writeScript(steps, join(dirname(checkout.directory), "steps"), ports);
  const { over } = startProcess(
    "script",
    ["-qefc", `timeout --foreground ${limitSeconds} bash --noprofile --norc '${main}'`, "/dev/null"],
    {
      cwd: checkout.directory,
      input: "",
      env: {
        PATH: [checkout.bin, join(root, "node_modules/.bin"), process.env.PATH].join(delimiter),
        HOME: checkout.home,
        TERM: "xterm",
        SHELL: "/bin/sh",
        NO_COLOR: "1",
        ...env,
      },
    },
  );
  const { code, stdout } = await over;
  const screen = screenOf(stdout);
  const back = new Map([...ports].map(([documented, real]) => [real, documented]));
  return steps.map((step, index) => resultOf(step, index, mapPorts(screen, back), code === timeoutCode));
}

/** Writes the script that runs the steps, each in a file of its own, so that one shell keeps their variables. */
async function writeScript(
  steps: readonly Step[],
  folder: string,
  ports: ReadonlyMap<number, number>,
): Promise<string> {
  await mkdir(folder);
  const write = async (name: string, text: string) => {
    await writeFile(join(folder, name), `${mapPorts(text, ports)}\n`);
    return `source '${join(folder, name)}' </dev/null`;
  };
  const lines = ["stty cols 120 rows 50"];
  for (const [index, step] of steps.entries()) {
    if (step.before !== undefined) lines.push("set -e", await write(`before-${index}.sh`, step.before), "set +e");
    lines.push(print(`begin ${index}`), ...(showsError(step) ? [] : ["set -e"]));
    lines.push(await write(`step-${index}.sh`, step.commands), "set +e", print(`end ${index}`));
  }
  const main = join(folder, "main.sh");
  await writeFile(main, lines.join("\n"));
  return main;
}

/** The commands of the project and of its Redis, by every name under which the documents call them. */
async function addOwnCommands(checkout: Checkout, redisPort: number): Promise<void> {
  const command = `exec '${process.execPath}' '${join(checkout.directory, "dist/cli/dms-frontend.cjs")}' "$@"`;
  await addCommand(checkout, "dms-frontend", command);
  // npx takes seconds to find what lies in this folder; a test of its own shows that it does find it.
  const shorter = `if [ "$1" = dms-frontend ]; then shift; ${command}; fi`;
  await addCommand(checkout, "npx", `${shorter}\n${behindOurs("npx")} "$@"`);
  const server = await findRedisServer();
  const redisCli = isAbsolute(server) ? `exec '${join(dirname(server), "redis-cli")}'` : behindOurs("redis-cli");
  await addCommand(checkout, "redis-cli", `${redisCli} -p ${redisPort} "$@"`);
}

/** The machine's command of this name, which the first folder of PATH hides. */
function behindOurs(name: string): string {
  return `PATH="\${PATH#*:}" exec ${name}`;
}

function print(words: string): string {
  return `printf '${separator}${words}${separator}'`;
}

/** Puts other ports where a text names one of this machine. */
export function mapPorts(text: string, ports: ReadonlyMap<number, number>): string {
  return text.replaceAll(new RegExp(`${portPlace}\\d+\\b`, "g"), (port) => String(ports.get(Number(port)) ?? port));
}

function resultOf(step: Step, index: number, screen: string, isLate: boolean): StepResult {
  const [, printed] = screen.split(`${separator}begin ${index}${separator}`);
  if (printed === undefined) return { step, printed: screen.split(separator).at(-1) ?? "", end: "not reached" };
  const [own = "", rest] = printed.split(`${separator}end ${index}${separator}`);
  return { step, printed: own, end: rest !== undefined ? "done" : isLate ? "timed out" : "failed" };
}
