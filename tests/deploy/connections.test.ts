import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findFunctions, root } from "../../build/functions.ts";
import dispatcher from "../../functions/background/dispatcher/trigger.ts";
import janitor from "../../functions/background/janitor/trigger.ts";
import { createServices } from "../../shared/services.ts";
import { at, documents, manifestsOf } from "../support/manifests.ts";
import { useRedis } from "../support/redis.ts";
import { collectLog, testConfig } from "../support/services.ts";
import { until } from "../support/until.ts";

const redis = useRedis();
const production = "knative/overlays/production";
const functions = await findFunctions();

/** Connections to the primary and to the replica of one process. */
const perProcess = { primary: 1, dispatcher: 2, replica: 1, writer: 1 };

const clientsOf = async (name: string) => {
  const clients = String(await redis.client.client("LIST")).split("\n");
  return clients.filter((line) => line.includes(`user=${name} `)).length;
};

test.each([
  ["a function", undefined, {}, perProcess.primary],
  [
    "a function that waits for replicas",
    undefined,
    { DMS_REDIS_WAIT_REPLICAS: "1" },
    perProcess.primary + perProcess.writer,
  ],
  ["a dispatcher", dispatcher, {}, perProcess.dispatcher],
  ["a janitor", janitor, {}, perProcess.primary],
] as const)("%s has as many connections as the page counts", async (_, fn, environment, expected) => {
  await redis.client.call("ACL", "SETUSER", "primary", "on", ">p", "~*", "+@all");
  await redis.client.call("ACL", "SETUSER", "replica", "on", ">p", "~*", "+@all");
  const url = (user: string) => redis.url.replace("redis://", `redis://${user}:p@`);
  const config = testConfig(url("primary"), { ...environment, DMS_REDIS_READ_URL: url("replica") });
  const services = createServices(config, collectLog(config).log);
  onTestFinished(() => services.redis.close());
  await services.redis.untilReady();
  const background = fn?.open(services);
  onTestFinished(() => background?.close());
  await background?.run({ signal: AbortSignal.abort(), finishMs: 0 });
  await until(async () => (await clientsOf("primary")) === expected && (await clientsOf("replica")) === 1);
});

/** The most processes of each function in production, and of the resident dispatcher. */
function mostProcesses(): Map<string, number> {
  const patches = ["submit-task.yaml", "dispatcher-resident.yaml"].flatMap((file) => documents(join(production, file)));
  const most = new Map<string, number>();
  for (const manifest of [...manifestsOf("knative/base"), ...patches]) {
    const annotations = at(manifest, "spec.template.metadata.annotations") as Record<string, string> | undefined;
    const scale = annotations?.["autoscaling.knative.dev/max-scale"] ?? at(manifest, "spec.maxReplicaCount");
    if (scale !== undefined) most.set(manifest.metadata.name, Number(scale));
  }
  return most;
}

test("docs/deployment.md has the connections that production opens at most", () => {
  const most = mostProcesses();
  expect([...most.keys()].sort()).toEqual([...functions.map(({ name }) => name), "dispatcher-resident"].sort());
  const processes = [...most.values()].reduce((sum, count) => sum + count, 0);
  const dispatchers = (most.get("dispatcher") ?? 0) + (most.get("dispatcher-resident") ?? 0);
  const primary = processes * perProcess.primary + dispatchers * (perProcess.dispatcher - perProcess.primary);
  const page = readFileSync(join(root, "docs/deployment.md"), "utf8");
  const figures = `${processes} processes with ${primary} connections to the primary and ${processes * perProcess.replica} to the replica`;
  expect(page.replaceAll(/\s+/g, " ")).toContain(figures);
  const both = 2 * (primary + processes);
  expect(page.replaceAll(/\s+/g, " ")).toContain(`${both} on one server`);
  // The default of Redis.
  expect(both).toBeLessThan(10_000);
});
