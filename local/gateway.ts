import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { z } from "zod";

const httpRoute = z.object({
  kind: z.literal("HTTPRoute"),
  spec: z.object({
    rules: z.array(
      z.object({
        matches: z.array(
          z.object({
            method: z.string().optional(),
            path: z.object({ type: z.enum(["Exact", "RegularExpression", "PathPrefix"]), value: z.string() }),
          }),
        ),
        filters: z.array(z.object({ urlRewrite: z.object({ hostname: z.string() }) })),
        timeouts: z.object({ request: z.string().regex(/^\d+s$/) }),
      }),
    ),
  }),
});

/** A function that a request is routed to. */
export interface Route {
  readonly name: string;
  /** Longest time for its answer, in ms. */
  readonly timeoutMs: number;
}

/** Maps a request to its function; `undefined` when no route matches. */
export type Routing = (method: string, path: string) => Route | undefined;

interface Match extends Route {
  readonly method: string | undefined;
  matches(path: string): boolean;
}

/**
 * Reads the routes of HTTPRoute manifests: a method and path map to the function of the rewritten host. A full path takes
 * precedence over a prefix.
 */
export function readRouting(files: readonly string[]): Routing {
  const matches = files
    .flatMap((file) => parseAllDocuments(readFileSync(file, "utf8")))
    .map((document) => httpRoute.safeParse(document.toJS()))
    .flatMap(({ data }) => data?.spec.rules ?? [])
    .flatMap(matchesOf);
  const whole = matches.filter(({ method }) => method !== undefined);
  const prefixes = matches.filter(({ method }) => method === undefined);
  return (method, path) =>
    whole.find((match) => match.method === method && match.matches(path)) ??
    prefixes.find((match) => match.matches(path));
}

type Rule = z.infer<typeof httpRoute>["spec"]["rules"][number];

function matchesOf({ matches, filters, timeouts }: Rule): Match[] {
  const timeoutMs = 1000 * Number.parseInt(timeouts.request, 10);
  const [name = ""] = filters[0]?.urlRewrite.hostname.split(".") ?? [];
  return matches.map(({ method, path: { type, value } }) => {
    const whole = new RegExp(`^${value}$`);
    const tests = {
      Exact: (path: string) => path === value,
      RegularExpression: (path: string) => whole.test(path),
      PathPrefix: (path: string) => path.startsWith(value),
    };
    return { name, timeoutMs, method, matches: tests[type] };
  });
}
