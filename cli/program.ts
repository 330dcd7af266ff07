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
    summary: "Submit, follow and manage tasks of the Data Moving Service",
    examples: [
      ["set the owner of the tasks", "export DMS_SERVICE=sync DMS_USER=alice"],
      ["submit a task and watch it", "dms-frontend tasks submit --param src=/a --param dst=/b --watch"],
      ["list the tasks", "dms-frontend tasks list"],
    ],
  },
  tasks: {
    summary: "Submit, follow, cancel and delete tasks",
    examples: [
      ["tasks that failed within a day", "dms-frontend tasks list --status failed --since 1d"],
      ["wait for several tasks", "dms-frontend tasks wait 1,2,5-9"],
    ],
  },
  admin: {
    summary: "Manage the tasks of all users and the queue; needs an operator token",
    examples: [
      ["the state of the queue", "dms-frontend admin dispatch --token-file ~/.dms-token"],
      ["dead letters", "dms-frontend admin dead-letters"],
    ],
  },
} as const satisfies Record<string, CommandText>;

/** The whole command line. It opens nothing, and loads little, before a command runs. */
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

/** Prints a usage error as one line with a suggestion, without the help. */
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
