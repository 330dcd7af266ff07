import { type Config, loadConfig } from "../shared/config.ts";
import { type Environment, startDependencies } from "./dependencies.ts";
import { type LocalServer, startLocalServer } from "./server.ts";

export interface Development {
  readonly config: Config;
  readonly server: LocalServer;
  /** The addresses of all parts, as text. */
  readonly banner: string;
  stop(): Promise<void>;
}

/** Starts everything that is needed to try the service: Redis, a scheduler, and the local server. */
export async function startDevelopment(environment: Environment, directory: string): Promise<Development> {
  const dependencies = await startDependencies(environment, directory);
  try {
    const config = loadConfig(dependencies.environment);
    const server = await startLocalServer(config, dependencies.log);
    const { port } = new URL(server.address);
    const lines = [
      `${config.appName} listens on http://${config.host}:${port}${config.apiPrefix}`,
      ...dependencies.lines,
      ...(config.eventWorkerCount === 0 ? ["  dispatcher disabled: DMS_EVENT_WORKER_COUNT is 0"] : []),
    ];
    return {
      config,
      server,
      banner: bannerOf(lines, `http://localhost:${port}${config.apiPrefix}`),
      async stop() {
        await server.stop();
        await dependencies.stop();
      },
    };
  } catch (error) {
    await dependencies.stop();
    throw error;
  }
}

/** The addresses of all parts, and a first request to try. */
export function bannerOf(lines: readonly string[], api: string): string {
  const submission = `  curl -X POST "${api}/services/sync/users/alice/tasks?src=/home/gpu1&dst=/scratch"`;
  return ["", ...lines, "", "Try:", submission, "", "Ctrl-C stops it.", ""].join("\n");
}
