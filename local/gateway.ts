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
      }),
    ),
  }),
});

/** Maps a request to the name of its function; `undefined` when no route matches. */
export type Routing = (method: string, path: string) => string | undefined;

interface Match {
  readonly name: string;
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
    (
      whole.find((match) => match.method === method && match.matches(path)) ??
      prefixes.find((match) => match.matches(path))
    )?.name;
}

type Rule = z.infer<typeof httpRoute>["spec"]["rules"][number];

function matchesOf({ matches, filters }: Rule): Match[] {
  const [name = ""] = filters[0]?.urlRewrite.hostname.split(".") ?? [];
  return matches.map(({ method, path: { type, value } }) => {
    const whole = new RegExp(`^${value}$`);
    const tests = {
      Exact: (path: string) => path === value,
      RegularExpression: (path: string) => whole.test(path),
      PathPrefix: (path: string) => path.startsWith(value),
    };
    return { name, method, matches: tests[type] };
  });
}
