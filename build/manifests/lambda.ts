import { type DeployableFunction, routePath } from "../functions.ts";

/** The function that answers requests without a route: 404 with a `detail`, as every error. */
const fallback = "health";
const anything = [{ httpApi: "*" }];

/** An HTTP function as an entry of `serverless.yml`. */
export function lambdaFunction({ name, summary, endpoint }: DeployableFunction) {
  if (!endpoint) throw new Error(`${name} has no endpoint and cannot have a route`);
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

/** The package of a function: only its own bundle. */
export function packageOf(name: string) {
  return { patterns: ["!**", `dist/lambda/${name}.cjs`, `dist/lambda/${name}.cjs.map`] };
}
