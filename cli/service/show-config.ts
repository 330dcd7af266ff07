import type { Command } from "commander";
import { maskUrl } from "../../shared/mask.ts";
import { describeCommand, type Host, perform } from "../command.ts";
import { type Format, outputOption } from "../options.ts";
import { painter } from "../output/colour.ts";
import { createTable } from "../output/table.ts";
import { columnsOf, write, writeLine } from "../shell.ts";
import { type CliVariable, variables } from "../variables.ts";
import type { Setting } from "./server-side.ts";

/** `show-config` */
export function showConfigCommand(host: Host): Command {
  const command = describeCommand("show-config", {
    summary: "Show every effective setting and its source, with secrets masked",
    examples: [
      ["as a table", "dms-frontend show-config"],
      ["one value, for a script", "dms-frontend show-config --output json | jq -r .DMS_API_PREFIX.value"],
    ],
  }).addOption(outputOption(["table", "json", "jsonl"]));
  return perform(host, command, async (_args, { output }: { output?: Format }) => {
    const { shell } = host;
    const { effectiveSettings } = await import("./server-side.ts");
    const settings = [...effectiveSettings(shell.env), ...clientSettings(shell.env)];
    const format = output ?? (shell.stdout.isTTY ? "table" : "json");
    if (format === "json") await writeLine(shell.stdout, JSON.stringify(byName(settings), undefined, 2));
    else if (format === "jsonl")
      await write(shell.stdout, settings.map((each) => `${JSON.stringify(each)}\n`).join(""));
    else {
      const paint = painter(shell, shell.stdout);
      const table = createTable<Setting>(
        [
          { title: "VARIABLE", text: ({ name }) => name },
          { title: "VALUE", text: ({ value }) => value, least: 10 },
          {
            title: "FROM",
            text: ({ source }) => source,
            colour: ({ source }) => (source === "default" ? "dim" : "green"),
          },
        ],
        settings,
        columnsOf(shell.stdout),
        paint,
      );
      await writeLine(shell.stdout, [table.header, ...settings.map((each) => table.line(each))].join("\n"));
    }
    return undefined;
  });
}

/** The settings of the command line that the server does not have. */
function clientSettings(env: Readonly<Record<string, string | undefined>>): Setting[] {
  const own: readonly CliVariable[] = Object.values(variables).filter(
    ({ name }) => name !== variables.operatorToken.name,
  );
  return own.map(({ name, default: fallback, meaning, url, lowerCase }) => {
    const given = (lowerCase && env[name.toLowerCase()]) || env[name];
    if (!given) return { name, value: fallback, source: "default", meaning };
    return { name, value: url ? maskUrl(given) : given, source: "environment", meaning };
  });
}

function byName(settings: readonly Setting[]): object {
  return Object.fromEntries(settings.map(({ name, ...rest }) => [name, rest]));
}
