import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startFunctions } from "../../local/functions.ts";
import { useBuild } from "../support/build.ts";
import { useRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const redis = useRedis();
const base = join(import.meta.dirname, "..", "..", "knative", "base");

async function start(more: { signal?: AbortSignal; onLine?: (name: string, line: string) => void }) {
  const { dist } = await useBuild();
  return startFunctions({
    environment: { DMS_REDIS_WRITE_URL: redis.url },
    dist,
    manifests: [join(base, "routes.yaml"), join(base, "gateway.yaml")],
    host: "127.0.0.1",
    port: 0,
    ...more,
  });
}

const clients = async () => ((await redis.client.client("LIST")) as string).trim().split("\n").length;

test("a start that is stopped half-way leaves no process behind", async () => {
  const before = await clients();
  const stop = new AbortController();
  const listening: string[] = [];
  const onLine = (name: string) => {
    listening.push(name);
    stop.abort("SIGINT");
  };
  await expect(start({ signal: stop.signal, onLine })).rejects.toBe("SIGINT");
  expect(listening.length).toBeGreaterThan(0);
  await until(async () => (await clients()) === before);
});

test("the end of a process that nobody has asked to end is told", async () => {
  const lines: string[] = [];
  const functions = await start({ onLine: (name, line) => lines.push(`${name}: ${line}`) });
  onTestFinished(() => functions.stop());
  const help = functions.processes.find(({ name }) => name === "help")?.child.pid;
  if (help === undefined) throw new Error("help has no process");
  process.kill(help, "SIGKILL");
  await until(() => lines.includes("help: the process has ended with SIGKILL"));
  await functions.stop();
  expect(lines.filter((line) => line.includes("has ended"))).toHaveLength(1);
});
