import { Argument, type Command } from "commander";
import { describeCommand, type Host, perform } from "../command.ts";
import { write } from "../shell.ts";
import { completionScripts } from "./scripts.ts";

const shells = Object.keys(completionScripts) as (keyof typeof completionScripts)[];

/** `completion` */
export function completionCommand(host: Host): Command {
  const command = describeCommand("completion", {
    summary: "Print the completion script of a shell for commands, options, users, services and task ids",
    examples: [
      ["bash, in ~/.bashrc", "source <(dms-frontend completion bash)"],
      ["zsh, in ~/.zshrc", "source <(dms-frontend completion zsh)"],
      ["fish", "dms-frontend completion fish > ~/.config/fish/completions/dms-frontend.fish"],
    ],
  }).addArgument(new Argument("<shell>", "name of the shell").choices(shells));
  return perform(host, command, async ([name]) => {
    const shell = shells.find((known) => known === name);
    if (shell) await write(host.shell.stdout, completionScripts[shell]);
    return undefined;
  });
}
