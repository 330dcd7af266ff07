import { existsSync } from "node:fs";
import { join } from "node:path";
import { createPrinter } from "../../local/printer.ts";
import { runDevelopment, runServer } from "../../local/run.ts";
import { type Config, loadConfig, variables } from "../../shared/config.ts";
import type { Variable } from "../../shared/variable.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Server options of the command line, which override the environment. */
export interface ServerOptions {
  readonly host?: string;
  readonly port?: string;
  readonly reload?: boolean;
}

export interface ServerProcess {
  readonly env: Environment;
  readonly signal: AbortSignal;
}

/** Runs `serve` or `dev` until the signal aborts. */
export function serve(name: "serve" | "dev", options: ServerOptions, { env, signal }: ServerProcess): Promise<number> {
  const environment = withOptions(env, options);
  const address = [
    ...(options.host === undefined ? [] : ["--host", options.host]),
    ...(options.port === undefined ? [] : ["--port", options.port]),
  ];
  const run = name === "dev" ? runDevelopment : runServer;
  // `serve` logs JSON to standard output, so other messages go to standard error.
  const print = createPrinter(name === "serve" ? 2 : 1);
  return run({ environment, signal, print, command: [entry(), name, ...address] });
}

/** The source file in a checkout, so that `--reload` sees changes; otherwise the built file. */
function entry(): string {
  const sources = join(import.meta.dirname, "../../cli/main.ts");
  const runs = process.features.typescript && !sources.includes("node_modules");
  return runs && existsSync(sources) ? sources : join(import.meta.dirname, "dms-frontend.cjs");
}

function withOptions(env: Environment, { host, port, reload }: ServerOptions): Environment {
  return {
    ...env,
    ...(host === undefined ? {} : { [variables.host.name]: host }),
    ...(port === undefined ? {} : { [variables.port.name]: port }),
    ...(reload ? { [variables.reload.name]: "true" } : {}),
  };
}

/** One effective setting of the server. */
export interface Setting {
  readonly name: string;
  /** Secrets masked. */
  readonly value: string;
  readonly source: "default" | "environment" | "implied";
  readonly meaning: string;
}

/**
 * Every effective setting of a server in this environment.
 * @throws ConfigError with every error
 */
export function effectiveSettings(env: Environment): Setting[] {
  const config: Config = loadConfig(env);
  return Object.entries<Variable<unknown>>(variables).map(([key, { name, default: fallback, meaning, show }]) => {
    const given = env[name];
    if (given !== undefined) return { name, value: show(given), source: "environment", meaning };
    const effective = config[key as keyof Config];
    // A value that is neither set nor the default derives from another variable.
    if (typeof effective === "string" && key === "redisReadUrl" && effective !== fallback) {
      return { name, value: show(effective), source: "implied", meaning };
    }
    return { name, value: show(fallback), source: "default", meaning };
  });
}
