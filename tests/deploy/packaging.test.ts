import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { root } from "../../build/functions.ts";
import { freePort } from "../../local/redis-server.ts";
import packageJson from "../../package.json" with { type: "json" };
import { useBuild } from "../support/build.ts";
import { useRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const redis = useRedis();
const read = (path: string) => readFileSync(join(root, path), "utf8");
const containerfile = read("Containerfile");
/** The patterns of an ignore file. */
const patterns = (path: string) =>
  read(path)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

test("Docker and Podman leave the same files out of a build: dependencies, history, data and secrets", () => {
  expect(patterns(".dockerignore")).toEqual(patterns(".containerignore"));
  expect(patterns(".dockerignore")).toEqual(
    expect.arrayContaining(["**/node_modules", ".git", ".dms", "dist", "**/secret.env"]),
  );
});

test("the base image is pinned to the version of Node that the project develops with", () => {
  const lock = z.object({ packages: z.record(z.string(), z.object({ version: z.string().optional() })) });
  const { packages } = lock.parse(JSON.parse(read("package-lock.json")));
  const version = packages["node_modules/node"]?.version;
  expect(containerfile).toContain(`ARG NODE_IMAGE=docker.io/library/node:${version}-bookworm-slim\n`);
});

test("the labels of the image have the name, description, version and licence of package.json", () => {
  const label = (name: string) =>
    new RegExp(`org\\.opencontainers\\.image\\.${name}="([^"]*)"`).exec(containerfile)?.[1];
  const { name, description, license, version } = packageJson;
  expect([label("title"), label("description"), label("licenses")]).toEqual([name, description, license]);
  expect(containerfile).toContain(`ARG VERSION=${version}\n`);
});

const component = z.object({ name: z.string(), scope: z.enum(["required", "optional"]) });
const bill = z.object({ bomFormat: z.literal("CycloneDX"), components: z.array(component) });

test("the bill of materials tells what production installs from what development needs", () => {
  const { sbom } = packageJson.scripts;
  expect(containerfile).toContain(`RUN ${sbom} > dist/sbom.cdx.json\n`);
  const text = execFileSync("sh", ["-c", sbom], { cwd: root, encoding: "utf8", maxBuffer: 2 ** 26 });
  const { components } = bill.parse(JSON.parse(text));
  const named = (scope: string) => components.filter((each) => each.scope === scope).map(({ name }) => name);
  expect(named("required")).toEqual(expect.arrayContaining(Object.keys(packageJson.dependencies)));
  const tools = ["vitest", "typescript", "kubernetes-models"];
  expect(named("optional")).toEqual(expect.arrayContaining(tools));
  for (const tool of tools) expect(named("required")).not.toContain(tool);
});

const unshare = ["--pid", "--fork", "--mount-proc"];
const hasNamespaces = spawnSync("unshare", [...unshare, "true"]).status === 0;

test.skipIf(!hasNamespaces).each(["SIGTERM", "SIGINT"] as const)(
  "as process 1 a bundle ends with 0 on %s (skipped where there are no PID namespaces)",
  async (signal) => {
    const { dist } = await useBuild();
    const port = await freePort();
    const child = spawn("unshare", [...unshare, process.execPath, join(dist, "server", "submit-task.cjs")], {
      stdio: "ignore",
      env: { PATH: process.env.PATH, PORT: String(port), DMS_REDIS_WRITE_URL: redis.url },
    });
    const exit = once(child, "exit");
    const inside = Number(
      await until(() => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim()),
    );
    onTestFinished(() => {
      if (child.exitCode === null) process.kill(inside, "SIGKILL");
    });
    await until(() => fetch(`http://127.0.0.1:${port}/readyz`), { timeoutMs: 15_000 });
    expect(readFileSync(`/proc/${inside}/status`, "utf8")).toMatch(/^NSpid:\s+\d+\s+1$/m);
    process.kill(inside, signal);
    expect(await exit).toEqual([0, null]);
  },
);
