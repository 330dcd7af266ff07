import { globSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import type { Endpoint } from "../shared/api/endpoint.ts";
import { loadConfig } from "../shared/config.ts";

/** The root directory of the project. */
export const root = dirname(import.meta.dirname);

/** One deployable function, as its own definition describes it. */
export interface DeployableFunction {
  readonly name: string;
  readonly kind: "http" | "background";
  /** One line. */
  readonly summary: string;
  /** The file that defines it, relative to the project root. */
  readonly file: string;
  /** Absent for a background function, which clients do not call. */
  readonly endpoint?: Endpoint;
}

/** Finds every function of the project by its file, sorted by name within its kind. */
export async function findFunctions(): Promise<DeployableFunction[]> {
  const files = globSync(["functions/{user,operator,meta}/*.ts", "functions/background/*/trigger.ts"], { cwd: root });
  const found = await Promise.all(files.sort().map(describe));
  return found.sort((a, b) => b.kind.localeCompare(a.kind) || a.name.localeCompare(b.name));
}

async function describe(file: string): Promise<DeployableFunction> {
  const { default: definition } = (await import(pathToFileURL(join(root, file)).href)) as { default?: unknown };
  if (isHttpFunction(definition)) {
    const { endpoint } = definition;
    return { name: endpoint.name, kind: "http", summary: endpoint.summary, file, endpoint };
  }
  if (isBackgroundFunction(definition)) {
    return { name: definition.name, kind: "background", summary: definition.summary, file };
  }
  throw new Error(`${relative(root, file)} defines no function: its default export must be a function definition`);
}

function isHttpFunction(value: unknown): value is { endpoint: Endpoint } {
  return typeof value === "object" && value !== null && "endpoint" in value && "handle" in value;
}

function isBackgroundFunction(value: unknown): value is { name: string; summary: string } {
  return typeof value === "object" && value !== null && "name" in value && "open" in value;
}

const { DMS_API_PREFIX } = process.env;

/** The API prefix of this build. */
export const builtPrefix = loadConfig(DMS_API_PREFIX === undefined ? {} : { DMS_API_PREFIX }).apiPrefix;

/** The path at which a gateway serves an endpoint, with `{braces}`. */
export function routePath({ atRoot, path }: Endpoint, prefix = builtPrefix): string {
  return atRoot ? path : prefix + path;
}

/** The file name of a bundle. */
export function bundleName({ name }: Pick<DeployableFunction, "name">): string {
  return basename(`${name}.cjs`);
}
