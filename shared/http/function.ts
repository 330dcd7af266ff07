import type { Endpoint, InputOf, Inputs } from "../api/endpoint.ts";
import type { Services } from "../services.ts";
import type { Answer } from "./answer.ts";

/** One request, as any runtime delivers it. */
export interface FunctionRequest<Input> {
  readonly input: Input;
  /** Undecoded, without the `?`. */
  readonly query: string;
  /** JSON text when the endpoint reads a body and the client sent one. */
  readonly body?: Buffer | undefined;
  /** The id of the request, as its log lines carry it. */
  readonly requestId: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export type Handler<Input> = (request: FunctionRequest<Input>, services: Services) => Answer | Promise<Answer>;

/** An endpoint with its handler; each one is a deployable function. */
export interface HttpFunction {
  readonly endpoint: Endpoint;
  readonly handle: Handler<never>;
}

/** Binds an endpoint to its handler, which gets the endpoint's checked inputs. */
export function httpFunction<Path extends Inputs, Query extends Inputs>(
  endpoint: Endpoint<Path, Query>,
  handle: Handler<InputOf<Endpoint<Path, Query>>>,
): HttpFunction {
  return { endpoint: endpoint as unknown as Endpoint, handle: handle as Handler<never> };
}
