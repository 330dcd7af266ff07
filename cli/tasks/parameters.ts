import { textFault } from "../../task-state/record/text-fault.ts";
import { usageFailure } from "../exit-code.ts";
import type { Shell } from "../shell.ts";

/** The parameters of a submission: from a file, then from `name=value` texts; later values take precedence. */
export async function readParameters(
  shell: Shell,
  texts: readonly string[],
  file: string | undefined,
): Promise<Map<string, string>> {
  const parameters = file === undefined ? new Map<string, string>() : await readParametersFile(shell, file);
  for (const text of texts) {
    const equals = text.indexOf("=");
    if (equals < 1) {
      throw usageFailure(`invalid parameter ${JSON.stringify(text)}`, "Use --param name=value.");
    }
    parameters.set(text.slice(0, equals), text.slice(equals + 1));
  }
  for (const [name, value] of parameters) {
    const fault = textFault(name) ?? textFault(value);
    if (fault !== undefined) throw usageFailure(`parameter ${JSON.stringify(name)} ${fault}`);
  }
  return parameters;
}

async function readParametersFile(shell: Shell, file: string): Promise<Map<string, string>> {
  const bytes = file === "-" ? await readAll(shell.stdin) : await readBytes(file).catch(unreadable(file));
  const text = decode(bytes, file);
  const { parseDocument } = await import("yaml");
  // JSON is valid YAML, and this schema keeps every scalar as text: 007, 1.0, yes.
  const document = parseDocument(text, { schema: "failsafe" });
  const [fault] = document.errors;
  if (fault) throw usageFailure(`${nameOf(file)} is not valid JSON or YAML: ${fault.message.split("\n")[0]}`);
  const value: unknown = document.toJS({ mapAsMap: true });
  if (value === null || value === "") return new Map();
  if (!(value instanceof Map)) throw usageFailure(`${nameOf(file)} must contain an object of parameters`);
  const parameters = new Map<string, string>();
  for (const [name, content] of value) {
    if (typeof content !== "string") {
      throw usageFailure(
        `parameter ${JSON.stringify(String(name))} in ${nameOf(file)} must be one value, not a list or object`,
      );
    }
    parameters.set(String(name), content);
  }
  return parameters;
}

async function readBytes(file: string): Promise<Uint8Array> {
  const { readFile } = await import("node:fs/promises");
  return readFile(file);
}

/** Rejects other encodings, which would silently change paths. */
function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw usageFailure(`${nameOf(file)} is not UTF-8 text`);
  }
}

function nameOf(file: string): string {
  return file === "-" ? "standard input" : file;
}

function unreadable(file: string): (error: unknown) => never {
  return (error) => {
    throw usageFailure(`could not read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  };
}

/** Reads an input to its end. */
export async function readAll(input: AsyncIterable<string | Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of input) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}
