import type { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { describeGroup, type Host } from "./command.ts";
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
];

/** The whole command line; nothing is opened, and little is loaded, before a command runs. */
export function createProgram(host: Host): Command {
  const program = describeGroup(
    "dms-frontend",
    "The Data Moving Service: submit, follow and manage data transfer tasks",
    [
      describeGroup(
        "tasks",
        "Submit, follow, cancel and delete tasks",
        tasks.map((make) => make(host)),
      ),
    ],
  ).version(packageJson.version, "-V, --version", "show the version");
  overwriteErrors(program, host);
  return program;
}

/** An error is one line, and where it helps the way to the help; the rest of the help stays away. */
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
