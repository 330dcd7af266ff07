import { type Command, Option } from "commander";
import type { Host } from "../command.ts";
import { exitCodes, Failure } from "../exit-code.ts";
import { performRemotely, type RemoteAction } from "../session.ts";
import type { Shell } from "../shell.ts";
import { readAll } from "../tasks/parameters.ts";
import { variables } from "../variables.ts";

/** Sources of the operator token. An argument is not one, because every user of the machine can see it. */
export interface TokenOptions {
  readonly tokenStdin?: boolean;
  readonly tokenFile?: string;
}

/** Adds {@link TokenOptions}. */
export function addTokenOptions(command: Command): Command {
  return command
    .addOption(new Option("--token-stdin", "read the operator token from standard input").conflicts("tokenFile"))
    .option("--token-file <file>", "read the operator token from a file that only its owner can read");
}

/** Gives a command the options and the session of an operator command. */
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
  // When a source is named, no other source replaces it.
  const token = given ? text.trim() : tokenInEnvironment(shell);
  if (!token) {
    const source = tokenStdin ? "standard input" : tokenFile;
    throw new Failure(
      exitCodes.denied,
      given ? `${source} contains no operator token` : "this command needs an operator token",
      {
        hint: `Set ${variables.operatorToken.name}, or pass --token-file or --token-stdin.`,
      },
    );
  }
  // Node's error about an invalid header would show the token.
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new Failure(exitCodes.denied, "the operator token contains invalid characters");
}

/** The token of the environment; the first one when a server accepts several during a rotation. */
export function tokenInEnvironment({ env }: Pick<Shell, "env">): string | undefined {
  return env[variables.operatorToken.name]?.split(",")[0]?.trim() || undefined;
}

async function readTokenFile(file: string): Promise<string> {
  const { readFile, stat } = await import("node:fs/promises");
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) === 0) return await readFile(file, "utf8");
  } catch (error) {
    throw new Failure(exitCodes.denied, `could not read ${file}: ${error instanceof Error ? error.message : error}`);
  }
  throw new Failure(exitCodes.denied, `other users can read ${file}`, { hint: `Run chmod 600 ${file}.` });
}
