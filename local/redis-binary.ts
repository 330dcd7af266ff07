import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";

/** How a command ended; `output` is what it wrote to both of its streams. */
export interface CommandResult {
  readonly code: number;
  readonly output: string;
}

/** What the search for a redis-server does to the machine. */
export interface RedisBinarySteps {
  /** Runs a command to its end; `undefined` when there is no such command. `env` is added to ours. */
  run(
    command: string,
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<CommandResult | undefined>;
  /** The text of `/etc/os-release`, empty where there is none. */
  osRelease(): Promise<string>;
  isRoot(): boolean;
  /** Downloads and builds Redis unless that was done before, and gives the binary's path. */
  build(): Promise<string>;
}

export interface FindRedisServerOptions {
  /** Told, in one line each, about what takes long or changes the machine. @default writes to standard error */
  readonly tell?: (line: string) => void;
  /** @default the real ones */
  readonly steps?: RedisBinarySteps;
}

const oldestMajor = 7;
const searches = new WeakMap<RedisBinarySteps, Promise<string>>();

/**
 * A redis-server of version 7 or newer, as `spawn` takes it: the one on PATH; else, for root on Debian or Ubuntu, the
 * distribution's package, whose own daemon stays off; else one built by `redis-memory-server`. Searches once a process,
 * whatever comes of it.
 * @throws Error of one line that says what to install.
 */
export function findRedisServer({
  tell = tellOnStandardError,
  steps = realSteps,
}: FindRedisServerOptions = {}): Promise<string> {
  const known = searches.get(steps);
  if (known) return known;
  const search = find(steps, tell);
  searches.set(steps, search);
  return search;
}

async function find(steps: RedisBinarySteps, tell: (line: string) => void): Promise<string> {
  const usable = async (binary: string): Promise<"usable" | "unusable" | "absent"> => {
    const shown = await steps.run(binary, ["--version"]);
    if (!shown) return "absent";
    const version = /\bv=(\d+)[.\d]*/.exec(shown.output);
    if (Number(version?.[1]) >= oldestMajor) return "usable";
    tell(`${binary} ${version?.[0].slice(2) ?? "of unknown version"} is too old: ${oldestMajor} or newer is needed`);
    return "unusable";
  };

  const onPath = await usable("redis-server");
  if (onPath === "usable") return "redis-server";
  if (onPath === "absent" && (await canInstall(steps))) {
    tell("There is no redis-server on PATH: installing the package redis-server with apt-get");
    await install(steps, tell);
    // Asked again even after a failure: another process may have installed it meanwhile.
    if ((await usable("redis-server")) === "usable") return "redis-server";
  }
  tell("Taking Redis from redis-memory-server, which downloads and builds it once; that takes some minutes");
  const built = await steps.build().catch((error: unknown) => {
    tell(`redis-memory-server has none: ${firstLine(error instanceof Error ? error.message : String(error))}`);
    return undefined;
  });
  if (built !== undefined && (await usable(built)) === "usable") return built;
  throw new Error(
    `No redis-server ${oldestMajor} or newer: install one (apt-get install redis-server, dnf install redis, brew install redis) and have it on PATH`,
  );
}

async function canInstall(steps: RedisBinarySteps): Promise<boolean> {
  if (!steps.isRoot()) return false;
  const names = [...(await steps.osRelease()).matchAll(/^ID(?:_LIKE)?=(.*)$/gm)].flatMap(([, value = ""]) =>
    value.replaceAll(/["']/g, "").split(" "),
  );
  return names.includes("debian") || names.includes("ubuntu");
}

async function install(steps: RedisBinarySteps, tell: (line: string) => void): Promise<void> {
  const aptGet = (...args: string[]) =>
    steps.run("apt-get", [...args, "-o", "DPkg::Lock::Timeout=120"], aptEnvironment);
  let result = await aptGet("install", "-y", "redis-server");
  if (result && result.code !== 0) {
    // The package lists are missing or stale.
    await aptGet("update");
    result = await aptGet("install", "-y", "redis-server");
  }
  if (result?.code === 0) await steps.run("systemctl", ["disable", "redis-server"]);
  else tell(`apt-get could not install redis-server: ${lastLine(result?.output ?? "there is no apt-get")}`);
}

const aptEnvironment = {
  DEBIAN_FRONTEND: "noninteractive",
  // Single-user mode for init scripts, a chroot for systemd: either way the package does not start its daemon.
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
    // Only when nothing else helps, as it is a development dependency and slow to load.
    const { RedisBinary } = await import("redis-memory-server");
    // It asks for this npm setting, and downloads without checking certificates where it is not there.
    process.env.npm_config_strict_ssl ??= "true";
    return RedisBinary.getPath();
  },
};

function tellOnStandardError(line: string): void {
  process.stderr.write(`${line}\n`);
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
