import { type Parameters, textFault } from "../../task-state/index.ts";
import { parseQuery, queryFault } from "../api/query.ts";

/** Maximum number of parameters of a task. */
export const maxParameters = 100;
/** Maximum length of all names and values together, in bytes of UTF-8. */
export const maxParameterBytes = 64 * 1024;

export type ReadParameters =
  | { readonly ok: true; readonly parameters: Parameters }
  | { readonly ok: false; readonly status: 413 | 422; readonly detail: string };

/** Reads a task's parameters from an undecoded query string and an optional JSON body; the query takes precedence. */
export function readParameters(query: string, body?: Uint8Array): ReadParameters {
  const fault = queryFault(query);
  if (fault) return { ok: false, status: 422, detail: `parameter ${JSON.stringify(fault.name)} ${fault.message}` };
  let parameters = parseQuery(query);
  if (body !== undefined) {
    const read = parseBody(body);
    if (typeof read === "string") return { ok: false, status: 422, detail: read };
    parameters = Object.assign(read, parameters);
  }
  let count = 0;
  let bytes = 0;
  for (const name in parameters) {
    count += 1;
    bytes += Buffer.byteLength(name) + Buffer.byteLength(parameters[name] ?? "");
  }
  if (count > maxParameters) return tooMuch(`a task may have ${maxParameters} parameters, not ${count}`);
  if (bytes > maxParameterBytes)
    return tooMuch(`a task's parameters may take ${maxParameterBytes} bytes, not ${bytes}`);
  return { ok: true, parameters };
}

function tooMuch(detail: string): ReadParameters {
  return { ok: false, status: 413, detail };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
const form = 'the body must be JSON of the form {"parameters": {"name": "value"}}';

/** The parameters of a body, or the error text. */
function parseBody(body: Uint8Array): Record<string, string> | string {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(body));
  } catch (error) {
    return `${form}: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (!isObject(value)) return form;
  const unknown = Object.keys(value).find((name) => name !== "parameters");
  if (unknown !== undefined) return `${form}; ${JSON.stringify(unknown)} is not known there`;
  const given = value.parameters ?? {};
  if (!isObject(given)) return form;
  const parameters: Record<string, string> = Object.create(null);
  for (const [name, content] of Object.entries(given)) {
    if (typeof content !== "string") return `parameter ${JSON.stringify(name)} must be a string`;
    const fault = textFault(name) ?? textFault(content);
    if (fault !== undefined) return `parameter ${JSON.stringify(name)} ${fault}`;
    parameters[name] = content;
  }
  return parameters;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
