import type * as z from "zod";

/** Text inputs by name, each with its rule. */
export type Inputs = Readonly<Record<string, z.ZodType<unknown, string | undefined>>>;

/** One endpoint: everything that clients know of a function. */
export interface Endpoint<Path extends Inputs = Inputs, Query extends Inputs = Inputs> {
  /** The function's name, in kebab-case. */
  readonly name: string;
  readonly method: "GET" | "POST" | "DELETE";
  /** Path parameters in `{braces}`; below the API prefix, or at the root. */
  readonly path: string;
  /** @default below the API prefix */
  readonly atRoot?: boolean;
  /** `operator`: needs a valid X-Operator-Token. */
  readonly auth: "none" | "operator";
  /** One line. */
  readonly summary: string;
  /** Status of a successful answer. */
  readonly success: 200 | 202;
  readonly pathInputs: Path;
  readonly queryInputs: Query;
  /** True when the function reads a JSON body. @default bodies are dropped */
  readonly readsBody?: boolean;
}

type Values<Rules extends Inputs> = { readonly [Name in keyof Rules]: z.output<Rules[Name]> };

/** The checked inputs of an endpoint, from its path and query together. */
export type InputOf<E> = E extends Endpoint<infer Path, infer Query> ? Values<Path> & Values<Query> : never;

/** Keeps the input types of an endpoint while it is declared. */
export function endpoint<Path extends Inputs, Query extends Inputs>(
  declared: Endpoint<Path, Query>,
): Endpoint<Path, Query> {
  return declared;
}

/** `GET /api/v1/…`, as `/help` lists it. */
export function describeRoute({ method, path, atRoot }: Endpoint, prefix: string): string {
  return `${method} ${atRoot ? "" : prefix}${path}`;
}
