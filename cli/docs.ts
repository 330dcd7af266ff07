import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Argument, Command, Option } from "commander";
import { textOf } from "./command.ts";
import { exitCodeMeanings, exitCodes } from "./exit-code.ts";
import { createProgram } from "./program.ts";
import { variables } from "./variables.ts";

/** The file of the command line reference. */
export const referencePath = join(import.meta.dirname, "../docs/cli.md");

/** Where the generated part of that page begins; the guide before it is written by hand. */
const startOfReference = "<!-- npm run docs:cli writes everything below this line. -->\n";

/** The page with its generated part as the commands are defined now. */
export function withReference(page: string): string {
  const [guide = ""] = page.split(startOfReference, 1);
  return `${guide}${startOfReference}\n${cliReference()}`;
}

/** The command line reference in Markdown, generated from the command definitions. */
export function cliReference(): string {
  const program = createProgram({ shell: idleShell(), finish: () => {} });
  const commands = leavesOf(program, "dms-frontend");
  return [
    "## Commands",
    commands.map(({ name, command }) => `- [\`${name}\`](#${anchor(name)}) – ${command.summary()}`).join("\n"),
    ...commands.map(({ name, command }) => commandSection(name, command)),
    `## Exit codes\n\n${exitCodeTable()}`,
    `## Environment variables\n\n${variableTable()}`,
  ]
    .join("\n\n")
    .concat("\n");
}

/** The exit codes as a Markdown table. */
export function exitCodeTable(): string {
  const names = Object.keys(exitCodes) as (keyof typeof exitCodes)[];
  return table(
    ["Code", "Meaning"],
    names.map((name) => [String(exitCodes[name]), exitCodeMeanings[name]]),
  );
}

/** The environment variables of the command line as a Markdown table. */
export function variableTable(): string {
  return table(
    ["Variable", "Default", "Meaning"],
    Object.values(variables).map(({ name, default: fallback, meaning }) => [
      code(name),
      fallback === "" ? "" : code(fallback),
      meaning,
    ]),
  );
}

interface Leaf {
  readonly name: string;
  readonly command: Command;
}

function leavesOf(command: Command, name: string): Leaf[] {
  return command.commands.flatMap((child) => {
    const full = `${name} ${child.name()}`;
    return child.commands.length > 0 ? leavesOf(child, full) : [{ name: full, command: child }];
  });
}

function commandSection(name: string, command: Command): string {
  const { examples = [] } = textOf(command) ?? {};
  const lines = examples.flatMap(([does, line]) => [`# ${does}`, line]);
  return [
    `## ${name}`,
    command.description(),
    `\`\`\`text\n${name} ${command.usage()}\n\`\`\``,
    ...(command.registeredArguments.length > 0 ? [argumentTable(command.registeredArguments)] : []),
    optionTable(command.options),
    `<!-- not run: the examples run one by one, each on tasks of its own -->\n\`\`\`sh\n${lines.join("\n")}\n\`\`\``,
  ].join("\n\n");
}

function argumentTable(list: readonly Argument[]): string {
  return table(
    ["Argument", "Meaning"],
    list.map((argument) => [code(argument.name()), argument.description + choices(argument.argChoices)]),
  );
}

function optionTable(options: readonly Option[]): string {
  return table(
    ["Option", "Default", "Meaning"],
    options.map(({ flags, description, defaultValue, defaultValueDescription, envVar, argChoices }) => [
      code(flags),
      defaultValue === undefined ? "" : code(defaultValueDescription ?? String(defaultValue)),
      description + choices(argChoices) + (envVar ? `; or ${code(envVar)}` : ""),
    ]),
  );
}

function choices(list: readonly string[] | undefined): string {
  return list ? ` (${list.map(code).join(", ")})` : "";
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows].map((cells) => cells.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = header.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = all;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}

function anchor(heading: string): string {
  return heading.toLowerCase().replaceAll(" ", "-");
}

/** A shell for reading the definitions, which runs no command. */
function idleShell() {
  const { stdin, stdout, stderr } = process;
  return { env: {}, stdin, stdout, stderr, signal: new AbortController().signal };
}

if (import.meta.main) {
  await writeFile(referencePath, withReference(await readFile(referencePath, "utf8")));
}
