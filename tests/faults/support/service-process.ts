import { type ChildProcess, spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { end, keep } from "./children.ts";

export type Environment = Readonly<Record<string, string>>;

/** The service in a process of its own, as `npm start` runs it. It may be killed and started again. */
export interface ServiceProcess {
  /** `http://127.0.0.1:<port>`; another one after each start, empty while it does not run. */
  readonly address: string;
  /** Resolves when it listens. */
  start(): Promise<void>;
  /** Sends the signal and resolves when the process is gone. @default SIGKILL */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Stops the process in the middle of whatever it does, until `resume`. */
  pause(): void;
  resume(): void;
  /** Log lines that show a defect; none may be there. */
  readonly defects: readonly string[];
}

/** The project's own sources. */
export const projectRoot = resolve(import.meta.dirname, "../../..");
const banner = /listens on (http:\/\/[\d.:]+)/;
/** What the service logs about itself when it does not know how it has come to this. */
const defect = /"(dispatcher fault|janitor fault|request failed|a task was not settled[^"]*)"/;

/** A service with these environment variables, on a free port of loopback; it does not run yet. `root`: where its sources are. */
export function serviceProcess(environment: Environment, root = projectRoot): ServiceProcess {
  const entry = join(root, "local", "start.ts");
  let child: ChildProcess | undefined;
  let address = "";
  const defects: string[] = [];

  async function start(): Promise<void> {
    const started = keep(
      spawn(process.execPath, [entry], {
        env: { PATH: process.env.PATH, ...local, ...environment },
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
    child = started;
    address = await new Promise<string>((resolve, reject) => {
      let output = "";
      let rest = "";
      const read = (chunk: Buffer) => {
        const lines = (rest + chunk.toString()).split("\n");
        rest = lines.pop() ?? "";
        defects.push(...lines.filter((line) => defect.test(line)));
        if (child !== started || address !== "") return;
        output += chunk.toString();
        const [, found] = banner.exec(output) ?? [];
        if (found !== undefined) resolve(found);
      };
      started.stdout.on("data", read);
      started.stderr.on("data", read);
      started.once("exit", () => reject(new Error(`the service has ended at its start:\n${output}`)));
    });
  }

  return {
    get address() {
      return address;
    },
    defects,
    start,
    async kill(signal = "SIGKILL") {
      address = "";
      // A stopped process takes no other signal but SIGKILL.
      if (child) await end(child, signal);
    },
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
  };
}

const local: Environment = {
  DMS_CLI_DEFAULT_HOST: "127.0.0.1",
  DMS_CLI_DEFAULT_PORT: "0",
  DMS_LOG_JSON: "true",
  DMS_LOG_LEVEL: "ERROR",
};
