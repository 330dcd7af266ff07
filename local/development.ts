import { type Config, loadConfig } from "../shared/config.ts";
import { type LocalServer, startLocalServer } from "./server.ts";
import { type Environment, startSurroundings } from "./surroundings.ts";

export interface Development {
  readonly config: Config;
  readonly server: LocalServer;
  /** What stands where, for a person to read. */
  readonly banner: string;
  stop(): Promise<void>;
}

/** Starts everything that a person needs to try the service: Redis, a scheduler, and the local server. */
export async function startDevelopment(environment: Environment, directory: string): Promise<Development> {
  const surroundings = await startSurroundings(environment, directory);
  try {
    const config = loadConfig(surroundings.environment);
    const server = await startLocalServer(config, surroundings.log);
    const { port } = new URL(server.address);
    const lines = [
      `${config.appName} listens on http://${config.host}:${port}${config.apiPrefix}`,
      ...surroundings.lines,
      ...(config.eventWorkerCount === 0 ? ["  dispatcher none: DMS_EVENT_WORKER_COUNT is 0"] : []),
    ];
    return {
      config,
      server,
      banner: bannerOf(lines, `http://localhost:${port}${config.apiPrefix}`),
      async stop() {
        await server.stop();
        await surroundings.stop();
      },
    };
  } catch (error) {
    await surroundings.stop();
    throw error;
  }
}

/** What stands where, and the first thing to try. */
export function bannerOf(lines: readonly string[], api: string): string {
  const submission = `  curl -X POST "${api}/services/sync/users/alice/tasks?src=/home/gpu1&dst=/scratch"`;
  return ["", ...lines, "", "Try:", submission, "", "Ctrl-C stops it.", ""].join("\n");
}
