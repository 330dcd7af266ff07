import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";

/** The result of a command; `output` contains both stdout and stderr. */
export interface CommandResult {
  readonly code: number;
  readonly output: string;
}

/** The operations of the search for a redis-server on this machine. */
export interface RedisBinarySteps {
  /** Runs a command to its end; `undefined` when it does not exist. `env` is added to the environment. */
  run(
    command: string,
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<CommandResult | undefined>;
  /** The text of `/etc/os-release`, empty when it is missing. */
  osRelease(): Promise<string>;
  isRoot(): boolean;
  /** Downloads and builds Redis unless it already exists, and gives the path of the binary. */
  build(): Promise<string>;
}

export interface FindRedisServerOptions {
  /** Receives one line for each step that takes long or changes the machine. @default writes to standard error */
  readonly report?: (line: string) => void;
  /** @default the real ones */
  readonly steps?: RedisBinarySteps;
}

const oldestMajor = 7;
const searches = new WeakMap<RedisBinarySteps, Promise<string>>();

/**
 * Finds a redis-server of version 7 or newer, as `spawn` takes it: on PATH; otherwise, for root on Debian or Ubuntu, from
 * the distribution's package, without its daemon; otherwise built by `redis-memory-server`. Searches once per process, also
 * after a failure.
 * @throws Error with one line that says what to install.
 */
export function findRedisServer({
  report = reportToStandardError,
  steps = realSteps,
}: FindRedisServerOptions = {}): Promise<string> {
  const known = searches.get(steps);
  if (known) return known;
  const search = find(steps, report);
  searches.set(steps, search);
  return search;
}

async function find(steps: RedisBinarySteps, report: (line: string) => void): Promise<string> {
  const usable = async (binary: string): Promise<"usable" | "unusable" | "absent"> => {
    const shown = await steps.run(binary, ["--version"]);
    if (!shown) return "absent";
    const version = /\bv=(\d+)[.\d]*/.exec(shown.output);
    if (Number(version?.[1]) >= oldestMajor) return "usable";
    report(
      `${binary} ${version?.[0].slice(2) ?? "of unknown version"} is too old: version ${oldestMajor} or newer is required`,
    );
    return "unusable";
  };

  const onPath = await usable("redis-server");
  if (onPath === "usable") return "redis-server";
  if (onPath === "absent" && (await canInstall(steps))) {
    report("no redis-server on PATH: installing the package redis-server with apt-get");
    await install(steps, report);
    // Checked even after a failure: another process may have installed it meanwhile.
    if ((await usable("redis-server")) === "usable") return "redis-server";
  }
  report("using redis-memory-server, which downloads and builds Redis once; this takes some minutes");
  const built = await steps.build().catch((error: unknown) => {
    report(`redis-memory-server failed: ${firstLine(error instanceof Error ? error.message : String(error))}`);
    return undefined;
  });
  if (built !== undefined && (await usable(built)) === "usable") return built;
  throw new Error(
    `no redis-server ${oldestMajor} or newer found: install it on PATH (apt-get install redis-server, dnf install redis, brew install redis)`,
  );
}

async function canInstall(steps: RedisBinarySteps): Promise<boolean> {
  if (!steps.isRoot()) return false;
  const names = [...(await steps.osRelease()).matchAll(/^ID(?:_LIKE)?=(.*)$/gm)].flatMap(([, value = ""]) =>
    value.replaceAll(/["']/g, "").split(" "),
  );
  return names.includes("debian") || names.includes("ubuntu");
}

async function install(steps: RedisBinarySteps, report: (line: string) => void): Promise<void> {
  const aptGet = (...args: string[]) =>
    steps.run("apt-get", [...args, "-o", "DPkg::Lock::Timeout=120"], aptEnvironment);
  let result = await aptGet("install", "-y", "redis-server");
  if (result && result.code !== 0) {
    // The package lists are missing or stale.
    await aptGet("update");
    result = await aptGet("install", "-y", "redis-server");
  }
  if (result?.code === 0) await steps.run("systemctl", ["disable", "redis-server"]);
  else report(`apt-get could not install redis-server: ${lastLine(result?.output ?? "apt-get not found")}`);
}

const aptEnvironment = {
  DEBIAN_FRONTEND: "noninteractive",
  // Single-user mode for init scripts and a chroot for systemd keep the package from starting its daemon.
  RUNLEVEL: "1",
  SYSTEMD_OFFLINE: "1",
};

const realSteps: RedisBinarySteps = {
  run: (command, args, env = {}) =>
    new Promise((resolve) => {
      const options = { env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 };
      execFile(command, args, options, (error, stdout, stderr) => {
        if (error && (error.code === "ENOENT" || error.code === "EACCES")) resolve(undefined);
        else resolve({ code: error ? 1 : 0, output: stdout + stderr });
      });
    }),
  osRelease: () => readFile("/etc/os-release", "utf8").catch(() => ""),
  isRoot: () => process.getuid?.() === 0,
  async build() {
    // Imported on demand, as it is a development dependency and slow to load.
    const { RedisBinary } = await import("redis-memory-server");
    // Without this npm setting, it downloads without checking certificates.
    process.env.npm_config_strict_ssl ??= "true";
    return RedisBinary.getPath();
  },
};

function reportToStandardError(line: string): void {
  process.stderr.write(`${line}\n`);
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
