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
            method: z.string(),
            path: z.object({ type: z.enum(["Exact", "RegularExpression"]), value: z.string() }),
          }),
        ),
        filters: z.array(z.object({ urlRewrite: z.object({ hostname: z.string() }) })),
      }),
    ),
  }),
});

/** Tells which function a request is for; `undefined` when there is none. */
export type Routing = (method: string, path: string) => string | undefined;

/** Reads the routes of an HTTPRoute manifest: a method and path go to the function that their host is rewritten to. */
export function readRouting(file: string): Routing {
  const rules = parseAllDocuments(readFileSync(file, "utf8"))
    .map((document) => httpRoute.parse(document.toJS()))
    .flatMap(({ spec }) => spec.rules);
  const routes = rules.flatMap(({ matches, filters }) => {
    const [name = ""] = filters[0]?.urlRewrite.hostname.split(".") ?? [];
    return matches.map(({ method, path: { type, value } }) => {
      const whole = new RegExp(`^${value}$`);
      return { name, method, matches: (path: string) => (type === "Exact" ? path === value : whole.test(path)) };
    });
  });
  return (method, path) => routes.find((route) => route.method === method && route.matches(path))?.name;
}
