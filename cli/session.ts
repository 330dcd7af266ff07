import type { Command } from "commander";
import { type Host, perform } from "./command.ts";
import type { ExitCode } from "./exit-code.ts";
import { addRemoteOptions, type Format, type RemoteOptions } from "./options.ts";
import type { Paint } from "./output/colour.ts";
import { painter } from "./output/colour.ts";
import { type Client, createClient } from "./request/client.ts";
import { parseApiBase } from "./request/route.ts";
import { type Shell, writeLine } from "./shell.ts";
import { variables } from "./variables.ts";

/** A command that calls the API, with its client and output. */
export interface Session {
  readonly shell: Shell;
  readonly client: Client;
  readonly paint: Paint;
  /** The value of `--output`, or the default for a terminal or a pipe. */
  readonly format: Format;
  readonly now: () => number;
  line(text: string): Promise<void>;
  /** Writes a line to standard error. */
  note(text: string): Promise<void>;
}

interface SessionOptions extends RemoteOptions {
  readonly output?: Format;
}

/** Opens a session with the connection options of a command. */
export async function openSession(
  shell: Shell,
  options: SessionOptions,
  operatorToken?: () => Promise<string>,
): Promise<Session> {
  const base = parseApiBase(options.apiBase || variables.apiBase.default);
  const { openTransport } = await import("./request/transport.ts");
  const transport = await openTransport({
    origin: base.origin,
    env: shell.env,
    caBundle: shell.env[variables.caBundle.name],
  });
  const client = createClient({
    base,
    transport,
    timeoutMs: options.timeoutRequest,
    retries: options.retries,
    signal: shell.signal,
    operatorToken,
    debug: options.debug ? (line) => void shell.stderr.write(`${line}\n`) : undefined,
  });
  return {
    shell,
    client,
    paint: painter(shell, shell.stdout),
    format: options.output ?? (shell.stdout.isTTY ? "table" : "json"),
    now: Date.now,
    line: (text) => writeLine(shell.stdout, text),
    note: (text) => writeLine(shell.stderr, text),
  };
}

/** What a command does in its session; no exit code means success. */
export type RemoteAction<Options> = (
  session: Session,
  options: Options & RemoteOptions,
  args: readonly string[],
) => Promise<ExitCode | undefined>;

/** Gives a command the connection options and a session, and runs the action with them. */
export function performRemotely<Options extends object>(
  host: Host,
  command: Command,
  action: RemoteAction<Options>,
  operatorToken?: (shell: Shell, options: Options) => () => Promise<string>,
): Command {
  addRemoteOptions(command);
  return perform(host, command, async (args, given) => {
    const options = given as Options & SessionOptions;
    const session = await openSession(host.shell, options, operatorToken?.(host.shell, options));
    try {
      return await action(session, options, args);
    } finally {
      session.client.close();
    }
  });
}
