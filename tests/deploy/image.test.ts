import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { root } from "../../build/functions.ts";
import { freePort } from "../../local/redis-server.ts";
import packageJson from "../../package.json" with { type: "json" };
import { useRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const redis = useRedis();
const run = promisify(execFile);
const found = (program: string) => spawnSync("which", [program]).status === 0;
const canBuild = process.getuid?.() === 0 && ["buildah", "mmdebstrap", "npm"].every(found);

let directory = "";
const storage = () => ["--root", join(directory, "store"), "--runroot", join(directory, "run")];
const env = { ...process.env, STORAGE_DRIVER: "vfs" };

async function buildah(...args: string[]): Promise<string> {
  const { stdout } = await run("buildah", [...storage(), ...args], { env, maxBuffer: 2 ** 26 });
  return stdout.trim();
}

const build = (image: string, ...args: string[]) => buildah("bud", "--isolation", "chroot", "-q", "-t", image, ...args);

/** A base image as the published one: Debian with this Node and npm, and the certificates of this machine. */
async function buildBase(): Promise<void> {
  const base = join(directory, "base");
  mkdirSync(base);
  const packages = "--include=ca-certificates,libstdc++6,libatomic1";
  await run("mmdebstrap", ["--mode=root", "--variant=essential", packages, "bookworm", join(base, "tree.tar")]);
  cpSync(realpathSync(process.execPath), join(base, "node"));
  const { stdout: modules } = await run("npm", ["root", "--global"]);
  cpSync(join(modules.trim(), "npm"), join(base, "npm"), { recursive: true });
  cpSync(process.env.NODE_EXTRA_CA_CERTS ?? "/etc/ssl/certs/ca-certificates.crt", join(base, "certificates.crt"));
  const lines = [
    "FROM scratch",
    "ADD tree.tar /",
    "COPY node /usr/local/bin/node",
    "COPY npm /usr/local/lib/node_modules/npm",
    "COPY certificates.crt /usr/local/share/certificates.crt",
    "ENV NODE_EXTRA_CA_CERTS=/usr/local/share/certificates.crt",
    "RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm",
  ];
  writeFileSync(join(base, "Containerfile"), `${lines.join("\n")}\n`);
  await build("base", base);
}

/** The process that has no child, below this one. */
function innermost(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const children = threads.flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean),
  );
  return children[0] === undefined ? pid : innermost(Number(children[0]));
}

interface Image {
  readonly OCIv1: { readonly config: Readonly<Record<string, unknown>> };
}

describe.skipIf(!canBuild)(
  "the image (skipped where there is no buildah or mmdebstrap, or tests do not run as root)",
  () => {
    let container = "";
    const inside = (...command: string[]) =>
      buildah("run", "--isolation", "chroot", "--user", "65532:65532", container, "--", ...command);

    beforeAll(async () => {
      directory = mkdtempSync(join(inject("runDirectory"), "image-"));
      await buildBase();
      const options = ["--build-arg", "NODE_IMAGE=localhost/base", "--build-arg", "REVISION=abc"];
      await build("dms-frontend", ...options, "-f", join(root, "Containerfile"), root);
      container = await buildah("from", "dms-frontend");
    }, 600_000);

    test("has its labels, an unprivileged user, and the stop signal that bundles handle", async () => {
      const { OCIv1 } = JSON.parse(await buildah("inspect", "--type", "image", "dms-frontend")) as Image;
      expect(OCIv1.config).toMatchObject({
        User: "65532:65532",
        Entrypoint: ["node"],
        Cmd: ["dist/server/help.cjs"],
        StopSignal: "SIGTERM",
        WorkingDir: "/app",
        Labels: {
          "org.opencontainers.image.title": packageJson.name,
          "org.opencontainers.image.version": packageJson.version,
          "org.opencontainers.image.revision": "abc",
        },
      });
    });

    test("contains only bundles, their code caches, and a bill of materials", async () => {
      expect((await inside("ls", "-A", "/app")).split("\n").sort()).toEqual(["dist", "sbom.cdx.json"]);
      const files = (await inside("ls", "/app/dist/server")).split("\n");
      expect(files.filter((name) => !/\.(cjs|cjs\.map|cache)$/.test(name))).toEqual([]);
      expect(files).toEqual(expect.arrayContaining(["help.cjs", "help.cache", "dispatcher.cjs"]));
      expect(JSON.parse(await inside("cat", "/app/sbom.cdx.json"))).toMatchObject({ bomFormat: "CycloneDX" });
    });

    test("its Node accepts the code caches", async () => {
      const script = `process.on("SIGTERM", () => process.exit(9)); const { script } = require("/app/dist/server/help.cjs");
      process.exit(script.cachedDataRejected === false ? 0 : 1);`;
      await inside("env", `PORT=${await freePort()}`, `DMS_REDIS_WRITE_URL=${redis.url}`, "node", "-e", script);
    });

    test("serves a function, and ends with 0 on SIGTERM", async () => {
      const port = await freePort();
      const settings = { PORT: String(port), DMS_REDIS_WRITE_URL: redis.url };
      const given = Object.entries(settings).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
      const command = ["run", "--isolation", "chroot", "--user", "65532:65532", ...given, container, "--"];
      const child: ChildProcess = spawn("buildah", [...storage(), ...command, "node", "dist/server/submit-task.cjs"], {
        env,
        stdio: ["ignore", "pipe", "inherit"],
      });
      onTestFinished(() => void child.kill("SIGKILL"));
      const exit = once(child, "exit");
      await until(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok, { timeoutMs: 60_000 });
      const tasks = `http://127.0.0.1:${port}/api/v1/services/sync/users/alice/tasks`;
      expect((await fetch(tasks, { method: "POST" })).status).toBe(202);
      // buildah forwards no signal, as an engine does.
      process.kill(innermost(child.pid ?? 0), "SIGTERM");
      expect(await exit).toEqual([0, null]);
    });
  },
);
