import type { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { deadLettersCommand, dispatchCommands } from "./admin/dispatch.ts";
import { adminTaskCommand, adminTasksCommand, adminVerbCommands } from "./admin/tasks.ts";
import { type CommandText, describeGroup, type Host } from "./command.ts";
import { completionCommand } from "./completion/command.ts";
import { pingCommand } from "./service/ping.ts";
import { devCommand, serveCommand } from "./service/serve.ts";
import { showConfigCommand } from "./service/show-config.ts";
import { adminExplainCommand, explainCommand } from "./tasks/explain.ts";
import { listCommand } from "./tasks/list.ts";
import { logsCommand } from "./tasks/logs.ts";
import { cancelCommand, deleteCommand, statusCommand } from "./tasks/one-or-several.ts";
import { submitCommand } from "./tasks/submit.ts";
import { usersCommand } from "./tasks/users.ts";
import { waitCommand } from "./tasks/wait.ts";
import { watchCommand } from "./tasks/watch.ts";

type Make = (host: Host) => Command;

const tasks: readonly Make[] = [
  listCommand,
  statusCommand,
  usersCommand,
  submitCommand,
  cancelCommand,
  deleteCommand,
  waitCommand,
  watchCommand,
  logsCommand,
  explainCommand,
];

const admin: readonly Make[] = [
  adminTasksCommand,
  adminTaskCommand,
  ...adminVerbCommands,
  deadLettersCommand,
  ...dispatchCommands,
  adminExplainCommand,
];

const others: readonly Make[] = [pingCommand, serveCommand, devCommand, showConfigCommand, completionCommand];

const texts = {
  program: {
    summary: "Submit, follow and manage the tasks of the Data Moving Service",
    examples: [
      ["whose tasks the commands are about", "export DMS_SERVICE=sync DMS_USER=alice"],
      ["submit a task and see it through", "dms-frontend tasks submit --param src=/a --param dst=/b --watch"],
      ["what is under way", "dms-frontend tasks list"],
    ],
  },
  tasks: {
    summary: "Submit, follow, cancel and delete tasks",
    examples: [
      ["what failed since yesterday", "dms-frontend tasks list --status failed --since 1d"],
      ["wait for several", "dms-frontend tasks wait 1,2,5-9"],
    ],
  },
  admin: {
    summary: "Manage everybody's tasks and the queue, with an operator token",
    examples: [
      ["how the queue stands", "dms-frontend admin dispatch --token-file ~/.dms-token"],
      ["what was given up", "dms-frontend admin dead-letters"],
    ],
  },
} as const satisfies Record<string, CommandText>;

/** The whole command line; nothing is opened, and little is loaded, before a command runs. */
export function createProgram(host: Host): Command {
  const made = (list: readonly Make[]) => list.map((make) => make(host));
  const program = describeGroup("dms-frontend", texts.program, [
    describeGroup("tasks", texts.tasks, made(tasks)),
    describeGroup("admin", texts.admin, made(admin)),
    ...made(others),
  ]).version(packageJson.version, "-V, --version", "show the version");
  overwriteErrors(program, host);
  return program;
}

/** An error is one line, with what was meant where that is clear; the help stays away. */
function overwriteErrors(command: Command, host: Host): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => void host.shell.stdout.write(text),
    writeErr: (text) => void host.shell.stderr.write(text),
    outputError: (text, write) => {
      const line = text
        .trim()
        .replace(/^error: /, "")
        .replace(/\n\(?(.*?)\)?$/, ". $1");
      write(`dms-frontend: ${line}\n`);
    },
  });
  for (const child of command.commands) overwriteErrors(child, host);
}
