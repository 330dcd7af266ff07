import type { Endpoint, Inputs } from "../api/endpoint.ts";
import { parseQuery } from "../api/query.ts";
import { type Answer, problem } from "./answer.ts";

/** The checked inputs, or the answer that says what is wrong with them. */
export type ParsedInput =
  | { readonly ok: true; readonly input: Record<string, unknown> }
  | { readonly ok: false; readonly answer: Answer };

/** Makes the reader of an endpoint's inputs, once per process. Unknown query parameters are ignored. */
export function inputReader(endpoint: Endpoint): (path: Record<string, string>, query: string) => ParsedInput {
  const fromPath = checksOf(endpoint.pathInputs);
  const fromQuery = checksOf(endpoint.queryInputs);
  const readQuery = rememberingQueries();
  return (path, query) => {
    const input: Record<string, unknown> = {};
    const faults: Fault[] = [];
    for (const check of fromPath) check(path, input, faults);
    if (fromQuery.length > 0) {
      const values = readQuery(query);
      for (const check of fromQuery) check(values, input, faults);
    }
    return faults.length === 0 ? { ok: true, input } : { ok: false, answer: invalid(faults) };
  };
}

interface Fault {
  readonly field: string;
  readonly message: string;
}

/** Puts one checked value into the input, or adds what is wrong with it to the faults. */
type Check = (given: Readonly<Record<string, string>>, input: Record<string, unknown>, faults: Fault[]) => void;

function checksOf(rules: Inputs): Check[] {
  return Object.entries(rules).map(([name, rule]) => remembering(name, rule));
}

/** Decodes queries, and remembers short ones: whoever follows a task asks with the same one again and again. */
function rememberingQueries(): (query: string) => Readonly<Record<string, string>> {
  const { known, keep } = createMemory<Readonly<Record<string, string>>>();
  return (query) => {
    const before = known.get(query);
    if (before) return before;
    const values = parseQuery(query);
    keep(query, values);
    return values;
  };
}

/** Texts that one memory holds, and the longest of them. */
const remembered = { texts: 1000, length: 64 };

/** What was made of short texts; begins anew when it is full. */
function createMemory<Value>() {
  const known = new Map<string | undefined, Value>();
  const keep = (text: string | undefined, value: Value) => {
    if ((text?.length ?? 0) > remembered.length) return;
    if (known.size >= remembered.texts) known.clear();
    known.set(text, value);
  };
  return { known, keep };
}

/** Checks by a rule, and remembers what it has let pass: the same services and users come again and again, or no value. */
function remembering(name: string, rule: Inputs[string]): Check {
  const { known, keep } = createMemory<unknown>();
  return (given, input, faults) => {
    const text = given[name];
    if (known.has(text)) {
      input[name] = known.get(text);
      return;
    }
    const { success, data, error } = rule.safeParse(text);
    if (!success) {
      for (const { message } of error.issues) faults.push({ field: name, message });
      return;
    }
    input[name] = data;
    keep(text, data);
  };
}

function invalid(errors: readonly Fault[]): Answer {
  const detail = errors.map(({ field, message }) => `${field}: ${message}`).join("; ");
  return problem(422, detail, { errors });
}
