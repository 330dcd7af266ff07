import { globSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import type { Endpoint } from "../shared/api/endpoint.ts";
import { loadConfig } from "../shared/config.ts";

/** The directory that holds the project. */
export const root = dirname(import.meta.dirname);

/** One deployable function, as its own definition describes it. */
export interface DeployableFunction {
  readonly name: string;
  readonly kind: "http" | "background";
  /** One line. */
  readonly summary: string;
  /** The file that defines it, from the project's root. */
  readonly file: string;
  /** Absent for a background function: no client calls it. */
  readonly endpoint?: Endpoint;
}

/** Every function of the project, found by the files that define them, sorted by name within its kind. */
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
  throw new Error(`${relative(root, file)} defines no function: its default export must be one`);
}

function isHttpFunction(value: unknown): value is { endpoint: Endpoint } {
  return typeof value === "object" && value !== null && "endpoint" in value && "handle" in value;
}

function isBackgroundFunction(value: unknown): value is { name: string; summary: string } {
  return typeof value === "object" && value !== null && "name" in value && "open" in value;
}

const { DMS_API_PREFIX } = process.env;

/** The API prefix of what is built here. */
export const builtPrefix = loadConfig(DMS_API_PREFIX === undefined ? {} : { DMS_API_PREFIX }).apiPrefix;

/** The path under which a gateway serves an endpoint, with `{braces}`. */
export function routePath({ atRoot, path }: Endpoint, prefix = builtPrefix): string {
  return atRoot ? path : prefix + path;
}

/** The name of a bundle without its directory. */
export function bundleName({ name }: Pick<DeployableFunction, "name">): string {
  return basename(`${name}.cjs`);
}
