import * as z from "zod";
import type { Endpoint } from "../api/endpoint.ts";
import { parseQuery } from "../api/query.ts";
import { type Answer, problem } from "./answer.ts";

/** The checked inputs, or the answer that says what is wrong with them. */
export type ParsedInput =
  | { readonly ok: true; readonly input: Record<string, unknown> }
  | { readonly ok: false; readonly answer: Answer };

/** Makes the reader of an endpoint's inputs, once per process. Unknown query parameters are ignored. */
export function inputReader(endpoint: Endpoint): (path: Record<string, string>, query: string) => ParsedInput {
  const schema = z.object({ ...endpoint.pathInputs, ...endpoint.queryInputs });
  const queryNames = Object.keys(endpoint.queryInputs);
  return (path, query) => {
    const given: Record<string, string | undefined> = { ...path };
    if (queryNames.length > 0) {
      const values = parseQuery(query);
      for (const name of queryNames) given[name] = values[name];
    }
    const parsed = schema.safeParse(given);
    return parsed.success ? { ok: true, input: parsed.data } : { ok: false, answer: invalid(parsed.error) };
  };
}

function invalid(error: z.ZodError): Answer {
  const errors = error.issues.map((issue) => ({ field: issue.path.join("."), message: issue.message }));
  const detail = errors.map(({ field, message }) => `${field}: ${message}`).join("; ");
  return problem(422, detail, { errors });
}
