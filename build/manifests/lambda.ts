import { type DeployableFunction, routePath } from "../functions.ts";

/** The function that answers what no route is for: 404, with a `detail` as every error. */
const fallback = "health";
const anything = [{ httpApi: "*" }];

/** An HTTP function as `serverless.yml` lists it. */
export function lambdaFunction({ name, summary, endpoint }: DeployableFunction) {
  if (!endpoint) throw new Error(`${name} has no endpoint to be routed to`);
  return {
    handler: `dist/lambda/${name}.handler`,
    description: summary,
    package: packageOf(name),
    events: [
      { httpApi: { method: endpoint.method, path: routePath(endpoint) } },
      ...(name === fallback ? anything : []),
    ],
  };
}

/** Our own bundle and nothing else. */
export function packageOf(name: string) {
  return { patterns: ["!**", `dist/lambda/${name}.cjs`, `dist/lambda/${name}.cjs.map`] };
}
