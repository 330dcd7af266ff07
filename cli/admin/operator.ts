import { type Command, Option } from "commander";
import type { Host } from "../command.ts";
import { exitCodes, Failure } from "../exit-code.ts";
import { performRemotely, type RemoteAction } from "../session.ts";
import type { Shell } from "../shell.ts";
import { readAll } from "../tasks/parameters.ts";
import { variables } from "../variables.ts";

/** Where the operator token comes from. Never from an argument, which every user of the machine can see. */
export interface TokenOptions {
  readonly tokenStdin?: boolean;
  readonly tokenFile?: string;
}

/** Adds {@link TokenOptions}. */
export function addTokenOptions(command: Command): Command {
  return command
    .addOption(new Option("--token-stdin", "read the operator token from standard input").conflicts("tokenFile"))
    .option("--token-file <file>", "read the operator token from a file that only you can read");
}

/** Gives a command what an operator's one has. */
export function performAsOperator<Options extends object>(
  host: Host,
  command: Command,
  action: RemoteAction<Options>,
): Command {
  return performRemotely<Options & TokenOptions>(host, addTokenOptions(command), action, tokenReader);
}

/** Reads the token once, when the first request needs it. */
export function tokenReader(shell: Shell, options: TokenOptions): () => Promise<string> {
  let token: Promise<string> | undefined;
  return () => {
    token ??= readToken(shell, options);
    return token;
  };
}

async function readToken(shell: Shell, { tokenStdin, tokenFile }: TokenOptions): Promise<string> {
  const given = tokenStdin || tokenFile !== undefined;
  const text = tokenStdin ? String(await readAll(shell.stdin)) : tokenFile ? await readTokenFile(tokenFile) : "";
  // Where a token is pointed to, no other one stands in for it.
  const token = given ? text.trim() : tokenInEnvironment(shell);
  if (!token) {
    const place = tokenStdin ? "standard input" : tokenFile;
    throw new Failure(exitCodes.denied, given ? `${place} holds no operator token` : "this needs an operator token", {
      hint: `Give it in ${variables.operatorToken.name}, with --token-file or with --token-stdin.`,
    });
  }
  // What cannot be a header would be told with the token in the message.
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new Failure(exitCodes.denied, "the operator token holds characters that no token has");
}

/** The token in the environment; of several, which a server takes while they are rotated, the first. */
export function tokenInEnvironment({ env }: Pick<Shell, "env">): string | undefined {
  return env[variables.operatorToken.name]?.split(",")[0]?.trim() || undefined;
}

async function readTokenFile(file: string): Promise<string> {
  const { readFile, stat } = await import("node:fs/promises");
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) === 0) return await readFile(file, "utf8");
  } catch (error) {
    throw new Failure(exitCodes.denied, `${file} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
  throw new Failure(exitCodes.denied, `${file} can be read by others`, { hint: `chmod 600 ${file} keeps them out.` });
}
