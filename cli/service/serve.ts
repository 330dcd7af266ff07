import { type Command, InvalidArgumentError, Option } from "commander";
import { describeCommand, type Host, perform } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import type { ServerOptions } from "./server-side.ts";

/** `serve` */
export function serveCommand(host: Host): Command {
  return serverCommand(host, "serve", {
    summary: "Run the service on the configured Redis and scheduler",
    description:
      "Run the service with all functions and a dispatcher in one process, on the Redis and the scheduler of the " +
      "environment. The first Ctrl-C or SIGTERM finishes work in flight, a second one ends the process at once.",
    examples: [
      ["listen on all addresses", "dms-frontend serve --host 0.0.0.0 --port 8000"],
      ["restart when a source file changes", "dms-frontend serve --reload"],
    ],
  });
}

/** `dev` */
export function devCommand(host: Host): Command {
  return serverCommand(host, "dev", {
    summary: "Run the service for development; starts Redis and a scheduler if none is configured",
    examples: [["try the service without any configuration", "dms-frontend dev"]],
  });
}

function serverCommand(host: Host, name: "serve" | "dev", text: Parameters<typeof describeCommand>[1]): Command {
  const command = describeCommand(name, text)
    .option("--host <address>", "address to listen on (default: DMS_CLI_DEFAULT_HOST)")
    .addOption(
      new Option("--port <number>", "port to listen on, 0 for a free one (default: DMS_CLI_DEFAULT_PORT)").argParser(
        portNumber,
      ),
    )
    .option("--reload", "restart when a source file changes, after finishing work in flight");
  return perform(host, command, async (_args, options: ServerOptions) => {
    const { env, signal } = host.shell;
    const { serve } = await import("./server-side.ts");
    const code = await serve(name, options, { env, signal });
    return code === 0 ? exitCodes.done : exitCodes.failed;
  });
}

function portNumber(text: string): string {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return text;
  throw new InvalidArgumentError("It must be a whole number from 0 to 65535.");
}
