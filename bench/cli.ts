import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { buildCli } from "../cli/build.ts";

/** Starts of each kind; the kinds alternate, so that a busy machine affects all of them alike. */
const rounds = 30;
/** Maximum duration of a start, as a multiple of a bare Node. */
const limit = 3;

if (!process.argv.includes("--serve")) await measure();

async function measure(): Promise<void> {
  await buildCli();
  const bin = join(import.meta.dirname, "../dist/cli/dms-frontend.cjs");
  const port = await startListServer();
  const env = { PATH: process.env.PATH, DMS_API_BASE: `http://127.0.0.1:${port}/api/v1` };
  const list = ["tasks", "list", "--service", "sync", "--user", "alice"];
  const kinds: readonly (readonly [name: string, args: readonly string[]])[] = [
    ["node -e 0", ["-e", "0"]],
    ["dms-frontend --help", [bin, "--help"]],
    ["dms-frontend __complete", [bin, "__complete", "tasks", "w"]],
    ["dms-frontend tasks list", [bin, ...list]],
    ["dms-frontend tasks list, as a table", [bin, ...list, "--output", "table"]],
  ];
  const times = kinds.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, [name, args]] of kinds.entries()) {
      const started = performance.now();
      const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
      times[index]?.push(performance.now() - started);
      if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
    }
  }
  const medians = times.map((list) => list.sort((a, b) => a - b)[rounds >> 1] ?? 0);
  const [bare = 1] = medians;
  const lines = kinds.map(
    ([name], index) =>
      `${name.padEnd(38)} ${(medians[index] ?? 0).toFixed(1).padStart(6)} ms ${((medians[index] ?? 0) / bare).toFixed(2).padStart(6)} ×`,
  );
  process.stdout.write(`Median of ${rounds} starts each, Node ${process.version}\n${lines.join("\n")}\n`);
  const slow = kinds.filter((_, index) => (medians[index] ?? 0) > limit * bare).map(([name]) => name);
  if (slow.length > 0) process.stdout.write(`More than ${limit} × a bare Node: ${slow.join(", ")}\n`);
  process.exit(slow.length > 0 ? 1 : 0);
}

/** Starts a server that answers with a list of 50 tasks, in a separate thread, because this one blocks on each start. */
async function startListServer(): Promise<number> {
  const worker = new Worker(import.meta.filename, { argv: ["--serve"] });
  return new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
}

if (process.argv.includes("--serve")) {
  const { parentPort } = await import("node:worker_threads");
  const time = new Date().toISOString();
  const tasks = Array.from({ length: 50 }, (_, index) => ({
    task_id: String(index + 1),
    service: "sync",
    user_id: "alice",
    status: "completed",
    parameters: { src: `/home/${index}`, dst: "/scratch" },
    created_at: time,
    updated_at: time,
    logs: [`${time},Task completed`],
  }));
  const body = JSON.stringify({ tasks });
  const server = createServer((_request, response) => void response.end(body)).listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (address !== null && typeof address === "object") parentPort?.postMessage(address.port);
  });
}
