import { expect, test } from "vitest";
import { type CommandResult, findRedisServer, type RedisBinarySteps } from "../../local/redis-binary.ts";

const debian = 'PRETTY_NAME="Debian"\nID=debian\n';
const version = (number: string): CommandResult => ({ code: 0, output: `Redis server v=${number} sha=0:0 bits=64\n` });
const failed = (output: string): CommandResult => ({ code: 100, output });
const done: CommandResult = { code: 0, output: "" };

interface Machine extends RedisBinarySteps {
  /** Every command that was run, except `--version`. */
  readonly commands: string[];
  readonly environments: (Readonly<Record<string, string>> | undefined)[];
  readonly reported: string[];
  readonly report: (line: string) => void;
}

/** A machine without a redis-server, except for what the test provides. */
function machine(parts: Partial<RedisBinarySteps> & { answer?: (line: string) => CommandResult | undefined }): Machine {
  const commands: string[] = [];
  const environments: Machine["environments"] = [];
  const reported: string[] = [];
  return {
    commands,
    environments,
    reported,
    report: (line) => reported.push(line),
    osRelease: async () => "",
    isRoot: () => true,
    build: () => Promise.reject(new Error("no compiler\nmake: *** [all] Error 2")),
    async run(command, args, env) {
      const line = [command, ...args].join(" ");
      if (!line.endsWith(" --version")) {
        commands.push(line);
        environments.push(env);
      }
      return parts.answer?.(line);
    },
    ...parts,
  };
}

/** A machine whose `apt-get install` succeeds at the n-th attempt and then provides this version. */
function debianMachine({
  atTry,
  provides,
  osRelease = debian,
}: {
  atTry: number;
  provides: string;
  osRelease?: string;
}) {
  let tries = 0;
  return machine({
    osRelease: async () => osRelease,
    answer: (line) => {
      if (line.startsWith("apt-get install")) {
        tries += 1;
        return tries >= atTry ? done : failed("Reading package lists...\nE: Unable to locate package redis-server\n");
      }
      if (line.startsWith("redis-server")) return tries >= atTry ? version(provides) : undefined;
      return line.startsWith("apt-get") || line.startsWith("/built") ? done : undefined;
    },
  });
}

const search = (steps: Machine) => findRedisServer({ steps, report: steps.report });

test("a redis-server on PATH is used, and nothing is reported or changed", async () => {
  const steps = machine({ answer: (line) => (line.startsWith("redis-server") ? version("7.0.15") : undefined) });
  expect(await search(steps)).toBe("redis-server");
  expect(steps.commands).toEqual([]);
  expect(steps.reported).toEqual([]);
});

test("root on Debian gets the package when there is none on PATH", async () => {
  const steps = debianMachine({ atTry: 1, provides: "7.0.15" });
  expect(await search(steps)).toBe("redis-server");
  expect(steps.commands[0]).toMatch(/^apt-get install -y redis-server/);
  expect(steps.commands.some((line) => line.includes("update"))).toBe(false);
  expect(steps.reported).toEqual([expect.stringContaining("apt-get")]);
});

test("the package's daemon is neither started now nor at the next boot", async () => {
  const steps = debianMachine({ atTry: 1, provides: "7.0.15" });
  await search(steps);
  expect(steps.environments[0]).toEqual({
    DEBIAN_FRONTEND: "noninteractive",
    RUNLEVEL: "1",
    SYSTEMD_OFFLINE: "1",
  });
  expect(steps.commands.at(-1)).toBe("systemctl disable redis-server");
});

test("package lists are updated when the package cannot be installed without", async () => {
  const steps = debianMachine({ atTry: 2, provides: "7.0.15" });
  expect(await search(steps)).toBe("redis-server");
  expect(steps.commands.map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
    "apt-get install",
    "apt-get update",
    "apt-get install",
    "systemctl disable",
  ]);
});

test.each([
  ["a derivative of Ubuntu", 'ID=linuxmint\nID_LIKE="ubuntu debian"\n'],
  ["Ubuntu", "ID=ubuntu\nID_LIKE=debian\n"],
])("%s counts as Debian", async (_, osRelease) => {
  const steps = debianMachine({ atTry: 1, provides: "8.2.1", osRelease });
  expect(await search(steps)).toBe("redis-server");
});

test.each<[string, Partial<RedisBinarySteps>]>([
  ["who is not root", { isRoot: () => false, osRelease: async () => debian }],
  ["on another system", { osRelease: async () => 'ID="fedora"\nVARIANT_ID=debian\n' }],
  ["on a system without os-release", {}],
])("a user %s gets a built one, and apt-get is left alone", async (_, parts) => {
  const steps = machine({
    ...parts,
    build: async () => "/built/redis-server",
    answer: (line) => (line.startsWith("/built") ? version("8.0.0") : undefined),
  });
  expect(await search(steps)).toBe("/built/redis-server");
  expect(steps.commands).toEqual([]);
  expect(steps.reported).toEqual([expect.stringContaining("redis-memory-server")]);
});

test("an old redis-server on PATH is reported in one line and skipped, without installing another one", async () => {
  const steps = machine({
    osRelease: async () => debian,
    build: async () => "/built/redis-server",
    answer: (line) => (line.startsWith("/built") ? version("7.4.1") : version("6.0.16")),
  });
  expect(await search(steps)).toBe("/built/redis-server");
  expect(steps.reported[0]).toBe("redis-server 6.0.16 is too old: version 7 or newer is required");
  expect(steps.commands).toEqual([]);
});

test("an old package is skipped too", async () => {
  const steps = debianMachine({ atTry: 1, provides: "6.0.16" });
  await expect(search(steps)).rejects.toThrow("no redis-server 7 or newer");
  expect(steps.reported).toContain("redis-server 6.0.16 is too old: version 7 or newer is required");
});

test("a failed installation is reported with its cause, and the search continues", async () => {
  const steps = machine({
    osRelease: async () => debian,
    build: async () => "/built/redis-server",
    answer: (line) => {
      if (line.startsWith("/built")) return version("8.0.0");
      return line.startsWith("apt-get") ? failed("noise\nE: Unable to fetch some archives\n") : undefined;
    },
  });
  expect(await search(steps)).toBe("/built/redis-server");
  expect(steps.reported).toContain("apt-get could not install redis-server: E: Unable to fetch some archives");
});

test("a search without success fails with one line that says what to install", async () => {
  const steps = machine({});
  const error = await search(steps).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).toMatch(
    /^Error: no redis-server 7 or newer found: install it on PATH \(apt-get install redis-server.*$/,
  );
  expect(steps.reported).toContain("redis-memory-server failed: no compiler");
  for (const line of steps.reported) expect(line).not.toContain("\n");
});

test("a result is cached", async () => {
  let builds = 0;
  const steps = machine({
    build: async () => `/built/${++builds}`,
    answer: (line) => (line.startsWith("/built") ? version("8.0.0") : undefined),
  });
  const found = await Promise.all([search(steps), search(steps)]);
  expect([...found, await search(steps)]).toEqual(["/built/1", "/built/1", "/built/1"]);
});

test("a failed search is cached too", async () => {
  let builds = 0;
  const steps = machine({
    build: async () => {
      builds += 1;
      throw new Error("offline");
    },
  });
  await expect(search(steps)).rejects.toThrow("no redis-server");
  await expect(search(steps)).rejects.toThrow("no redis-server");
  expect(builds).toBe(1);
});

test("the search on this machine finds a redis-server", async () => {
  expect(await findRedisServer({ report: () => {} })).toMatch(/redis-server$/);
});
