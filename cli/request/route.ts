import type { Endpoint } from "../../shared/api/endpoint.ts";
import { maskUrl } from "../../shared/mask.ts";
import { percentDecoded } from "../../shared/percent.ts";
import { usageFailure } from "../exit-code.ts";

/** The part of an endpoint that a client needs: the names of its inputs, without their rules. */
export interface Route extends Pick<Endpoint, "name" | "method" | "path" | "atRoot" | "auth" | "summary"> {
  readonly queryInputs: Readonly<Record<string, unknown>>;
}

/** Values of an endpoint's inputs by name; undefined ones are omitted from the query. */
export type Values = Readonly<Record<string, string | undefined>>;

/** The base URL of the API. */
export interface ApiBase {
  /** Scheme, host and port. */
  readonly origin: URL;
  /** Path without a trailing slash. */
  readonly prefix: string;
}

/**
 * Parses the base URL of an API, such as `http://localhost:8000/api/v1`.
 * @throws Failure with the usage code
 */
export function parseApiBase(text: string): ApiBase {
  const url = URL.parse(text);
  if (
    !url ||
    !["http:", "https:"].includes(url.protocol) ||
    percentDecoded(url.username + url.password) === undefined
  ) {
    throw usageFailure(
      `${JSON.stringify(maskUrl(text))} is not a valid API base URL`,
      "Set --api-base or DMS_API_BASE to a URL such as http://localhost:8000/api/v1.",
    );
  }
  return { origin: url, prefix: url.pathname.replace(/\/+$/, "") };
}

const defaultPrefix = "/api/v1";

/**
 * The request target of an endpoint: path parameters and query encoded, `parameters` added to the query.
 * Endpoints at the root replace the default API prefix, also behind a gateway that adds its own path.
 */
export function targetOf(base: ApiBase, route: Route, values: Values, parameters: Values = {}): string {
  const { prefix } = base;
  const root = prefix.endsWith(defaultPrefix) ? prefix.slice(0, -defaultPrefix.length) : "";
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
  const query = new URLSearchParams();
  for (const name of Object.keys(route.queryInputs)) {
    const value = values[name];
    if (value !== undefined) query.set(name, value);
  }
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, value);
  }
  const text = query.toString();
  return (route.atRoot ? root : prefix) + path + (text === "" ? "" : `?${text}`);
}
