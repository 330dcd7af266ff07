import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, statSync } from "node:fs";
import { SourceMap } from "node:module";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { findFunctions } from "../../build/functions.ts";
import { freePort } from "../../local/redis-server.ts";
import { type TestBuild, useBuild } from "../support/build.ts";
import { useRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const redis = useRedis();
const functions = await findFunctions();
const operatorToken = "operator-token-of-the-bundles";
/** In bytes. */
const largest = 700_000;

let build: TestBuild;
beforeAll(async () => {
  build = await useBuild();
});

test("functions.json lists every function with its routes and bundles", () => {
  expect(build.functions.map(({ name }) => name).sort()).toEqual(functions.map(({ name }) => name).sort());
  expect(build.functions).toContainEqual({
    name: "get-task",
    kind: "http",
    routes: [{ method: "GET", path: "/api/v1/services/{service}/tasks/{task_id}" }],
    server: "dist/server/get-task.cjs",
    lambda: "dist/lambda/get-task.cjs",
  });
});

test("a server bundle of an HTTP function is smaller than 700 KB", () => {
  for (const { name, kind } of build.functions) {
    const { size } = statSync(join(build.dist, "server", `${name}.cjs`));
    // The dispatcher also speaks HTTP/1.1 and HTTP/2 as a client, and CloudEvents.
    expect(size, name).toBeLessThan(kind === "http" ? largest : 1_000_000);
  }
});

test("a bundle contains no code of other functions", () => {
  const text = (name: string) => readFileSync(join(build.dist, "server", `${name}.cjs`), "utf8");
  expect(text("dispatcher")).toContain("Scheduler acknowledged submission");
  expect(text("submit-task")).not.toContain("Scheduler acknowledged submission");
});

test("every Lambda bundle loads from an empty folder", () => {
  const folders = functions.map(({ name }) => {
    const folder = mkdtempSync(join(inject("runDirectory"), "empty-"));
    cpSync(join(build.dist, "lambda", `${name}.cjs`), join(folder, "index.cjs"));
    return folder;
  });
  const check = `process.exit(${JSON.stringify(folders)}.every((folder) => typeof require(folder + "/index.cjs").handler === "function") ? 0 : 1)`;
  const environment = { DMS_REDIS_WRITE_URL: redis.url, DMS_OPERATOR_TOKEN: operatorToken };
  execFileSync(process.execPath, ["-e", check], { cwd: folders[0], env: environment, stdio: "ignore" });
});

/** A read-only root file system with a Node binary, its libraries and the bundles. */
function makeRoot(): string {
  const folder = mkdtempSync(join(inject("runDirectory"), "root-"));
  const node = realpathSync(process.execPath);
  const libraries = execFileSync("ldd", [node], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g);
  for (const file of [node, ...[...libraries].map(([, path = ""]) => path)]) {
    const target = join(folder, file === node ? "/node" : file);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(realpathSync(file), target);
  }
  cpSync(build.dist, join(folder, "dist"), { recursive: true });
  chmodSync(folder, 0o555);
  return folder;
}

const isRoot = process.getuid?.() === 0;
const nobody = "65534";

describe.skipIf(!isRoot)("in a chroot without anything but Node (skipped where tests do not run as root)", () => {
  let root: string;
  const children: ChildProcess[] = [];
  afterAll(() => {
    for (const child of children) child.kill("SIGKILL");
  });
  beforeAll(() => {
    root = makeRoot();
  });

  test.concurrent.each(functions)(
    "$name serves without shell, files or rights, and ends on SIGTERM",
    async ({ name }) => {
      const port = await freePort();
      const child: ChildProcess = spawn(
        "chroot",
        [`--userspec=${nobody}:${nobody}`, root, "/node", `/dist/server/${name}.cjs`],
        {
          stdio: "ignore",
          env: {
            PATH: process.env.PATH,
            PORT: String(port),
            DMS_REDIS_WRITE_URL: redis.url,
            DMS_OPERATOR_TOKEN: operatorToken,
          },
        },
      );
      children.push(child);
      const exit = once(child, "exit");
      await until(() => fetch(`http://127.0.0.1:${port}/livez`), { timeoutMs: 15_000 });
      expect(await (await fetch(`http://127.0.0.1:${port}/healthz`)).json()).toMatchObject({ status: "ok" });
      child.kill("SIGTERM");
      expect(await exit).toEqual([0, null]);
    },
  );
});

test("a server bundle runs from its code cache if there is one", async () => {
  const { writeCodeCaches } = await import("../../build/code-cache.ts");
  const folder = mkdtempSync(join(inject("runDirectory"), "cached-"));
  mkdirSync(join(folder, "server"));
  cpSync(join(build.dist, "server", "help.cjs"), join(folder, "server", "help.cjs"));
  const help = build.functions.filter(({ name }) => name === "help");
  await writeCodeCaches(help, folder);
  expect(statSync(join(folder, "server", "help.cache")).size).toBeGreaterThan(100_000);
  const script = `process.on("SIGTERM", () => process.exit(9)); const { script } = require("./server/help.cjs");
    process.exit(script.cachedDataRejected === false ? 0 : 1);`;
  const environment = { PORT: String(await freePort()), DMS_REDIS_WRITE_URL: redis.url };
  execFileSync(process.execPath, ["-e", script], { cwd: folder, env: environment });
});

test("the source map of a server bundle leads to the sources", () => {
  const bundle = join(build.dist, "server", "help.cjs");
  const map = new SourceMap(JSON.parse(readFileSync(`${bundle}.map`, "utf8")));
  const lines = readFileSync(bundle, "utf8").split("\n");
  const line = lines.findIndex((text) => text.includes("Data Moving Service"));
  const entry = map.findEntry(line, lines[line]?.indexOf("Data Moving Service") ?? 0);
  expect(entry).toMatchObject({ originalSource: expect.stringMatching(/functions\/meta\/help\.ts$/) });
});
