import { type Command, InvalidArgumentError, Option } from "commander";
import { describeCommand, type Host, perform } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import type { ServerOptions } from "./server-side.ts";

/** `serve` */
export function serveCommand(host: Host): Command {
  return serverCommand(host, "serve", {
    summary: "Run the service on the configured Redis and scheduler",
    description:
      "Run the service, all functions and a dispatcher in one process, on the Redis and the scheduler that the environment " +
      "names. The first Ctrl-C or SIGTERM lets it finish what is in flight, a second one ends it at once.",
    examples: [
      ["on all addresses", "dms-frontend serve --host 0.0.0.0 --port 8000"],
      ["restarting when a source file changes", "dms-frontend serve --reload"],
    ],
  });
}

/** `dev` */
export function devCommand(host: Host): Command {
  return serverCommand(host, "dev", {
    summary: "Run the service for development; Redis and scheduler are started where none is configured",
    examples: [["everything that a first try needs", "dms-frontend dev"]],
  });
}

function serverCommand(host: Host, name: "serve" | "dev", text: Parameters<typeof describeCommand>[1]): Command {
  const command = describeCommand(name, text)
    .option("--host <address>", "address to listen on; without it DMS_CLI_DEFAULT_HOST")
    .addOption(
      new Option("--port <number>", "port to listen on, 0 for a free one; without it DMS_CLI_DEFAULT_PORT").argParser(
        portNumber,
      ),
    )
    .option("--reload", "restart when a source file changes; what is in flight is finished first");
  return perform(host, command, async (_args, options: ServerOptions) => {
    const { env, signal, stderr, stdout } = host.shell;
    const { serve } = await import("./server-side.ts");
    // The log of `serve` is on standard output, for machines; what people read must not get into it.
    const output = name === "serve" ? stderr : stdout;
    const code = await serve(name, options, { env, signal, tell: (line) => void output.write(`${line}\n`) });
    return code === 0 ? exitCodes.done : exitCodes.failed;
  });
}

function portNumber(text: string): string {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return text;
  throw new InvalidArgumentError("It has to be a whole number from 0 to 65535.");
}
