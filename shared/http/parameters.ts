import type { Parameters } from "../../task-state/index.ts";
import { parseQuery } from "../api/query.ts";

/** The most parameters that a task may have. */
export const maxParameters = 100;
/** The most that their names and values may take together, in bytes of UTF-8. */
export const maxParameterBytes = 64 * 1024;

export type ReadParameters =
  | { readonly ok: true; readonly parameters: Parameters }
  | { readonly ok: false; readonly status: 413; readonly detail: string };

/** Reads a task's parameters from an undecoded query string. */
export function readParameters(query: string): ReadParameters {
  const parameters = parseQuery(query);
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
