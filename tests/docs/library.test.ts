import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startProcess } from "../cli/support/run.ts";
import { useRedis } from "../support/redis.ts";
import { readPage } from "./support/block.ts";
import { makeCheckout } from "./support/checkout.ts";
import { root } from "./support/documents.ts";
import { difference } from "./support/output.ts";
import { readSteps } from "./support/step.ts";

const redis = useRedis();
const strict = ["--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes", "--skipLibCheck"];

/** What a machine may need to reach its registry. */
const reachesRegistry =
  /^(NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|(https?_|no_)proxy|npm_config_(registry|cafile|cache|userconfig))$/i;

function registryEnv(): Record<string, string> {
  const known = Object.entries(process.env).filter(([name]) => reachesRegistry.test(name));
  return Object.fromEntries(known.map(([name, value = ""]) => [name, value]));
}

/** Runs a command in a folder to its end and gives what it has printed. */
async function output(cwd: string, command: string, args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await startProcess(command, args, { cwd, env, input: "" }).over;
  expect(code, `${command} ${args.join(" ")}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

/** Packs the project in a copy, because that builds it anew while other tests use what is built. */
async function pack(): Promise<string> {
  const { directory } = await makeCheckout();
  await output(directory, "npm", ["pack"]);
  const [packed = ""] = (await readdir(directory)).filter((name) => name.endsWith(".tgz"));
  return join(directory, packed);
}

test("the library's example can be pasted into an empty project, where it compiles and runs", {
  timeout: 180_000,
}, async () => {
  const { blocks } = readPage(await readFile(join(root, "docs/library.md"), "utf8"));
  const example = blocks.find(({ language }) => language === "ts")?.text ?? "";
  const shown = readSteps(blocks).find(({ commands }) => commands.includes("node worker"))?.output ?? "";
  expect([example, shown]).not.toContain("");
  const folder = await mkdtemp(join(tmpdir(), "dms-library-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const packed = await pack();

  const project = join(folder, "my-service");
  await mkdir(project);
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "my-service", type: "module", private: true }));
  await writeFile(join(project, "worker.ts"), example);
  await output(
    project,
    "npm",
    ["install", "--prefer-offline", "--no-audit", "--no-fund", packed, "ioredis"],
    registryEnv(),
  );

  const types = ["--typeRoots", join(root, "node_modules/@types"), "--types", "node"];
  const options = ["--noEmit", "--module", "nodenext", "--target", "es2024", ...strict, ...types];
  await output(project, process.execPath, [join(root, "node_modules/typescript/bin/tsc"), ...options, "worker.ts"]);

  const printed = await output(project, process.execPath, ["worker.ts"], { REDIS_URL: redis.url });
  expect(difference(shown, printed)).toBeUndefined();
});
