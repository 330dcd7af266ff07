import type { Endpoint, Inputs } from "../api/endpoint.ts";
import { parseQuery, queryFault } from "../api/query.ts";
import { type Answer, problem } from "./answer.ts";

/** The checked inputs, or the answer that lists their errors. */
export type ParsedInput =
  | { readonly ok: true; readonly input: Record<string, unknown> }
  | { readonly ok: false; readonly answer: Answer };

/** Creates the reader of an endpoint's inputs, once per process. Unknown query parameters are ignored. */
export function inputReader(endpoint: Endpoint): (path: Record<string, string>, query: string) => ParsedInput {
  const fromPath = checksOf(endpoint.pathInputs);
  const fromQuery = checksOf(endpoint.queryInputs);
  const readQuery = cachedQueries();
  return (path, query) => {
    const input: Record<string, unknown> = {};
    const faults: Fault[] = [];
    for (const check of fromPath) check(path, input, faults);
    if (fromQuery.length > 0) {
      const { values, fault } = readQuery(query);
      for (const check of fromQuery) check(values, input, faults);
      if (fault) faults.push({ field: fault.name, message: fault.message });
    }
    return faults.length === 0 ? { ok: true, input } : { ok: false, answer: invalid(faults) };
  };
}

interface Fault {
  readonly field: string;
  readonly message: string;
}

/** Puts one checked value into the input, or adds its errors to the faults. */
type Check = (given: Readonly<Record<string, string>>, input: Record<string, unknown>, faults: Fault[]) => void;

function checksOf(rules: Inputs): Check[] {
  return Object.entries(rules).map(([name, rule]) => cached(name, rule));
}

/** Decodes queries and caches short ones: a client that follows a task repeats the same query. */
function cachedQueries(): (query: string) => Query {
  const { known, keep } = createCache<Query>();
  return (query) => {
    const before = known.get(query);
    if (before) return before;
    const decoded = { values: parseQuery(query), fault: queryFault(query) };
    keep(query, decoded);
    return decoded;
  };
}

interface Query {
  readonly values: Readonly<Record<string, string>>;
  readonly fault: ReturnType<typeof queryFault>;
}

/** Maximum number of texts in a cache, and the maximum length of a text. */
const cacheLimits = { texts: 1000, length: 64 };

/** Caches values by short texts; cleared when it is full. */
function createCache<Value>() {
  const known = new Map<string | undefined, Value>();
  const keep = (text: string | undefined, value: Value) => {
    if ((text?.length ?? 0) > cacheLimits.length) return;
    if (known.size >= cacheLimits.texts) known.clear();
    known.set(text, value);
  };
  return { known, keep };
}

/** Checks by a rule and caches valid values: most requests repeat the same services and users, or have no value. */
function cached(name: string, rule: Inputs[string]): Check {
  const { known, keep } = createCache<unknown>();
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
