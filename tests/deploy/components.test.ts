import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import dispatcher from "../../functions/background/dispatcher/trigger.ts";
import health from "../../functions/meta/health.ts";
import { startBackgroundServer } from "../../shared/runtime/background/server.ts";
import { at, hasKubectl, list, type Manifest, manifestsOf, render } from "../support/manifests.ts";
import { useRedis } from "../support/redis.ts";
import { collectLog, stopAfterTest, testConfig } from "../support/services.ts";

const redis = useRedis();
const token = "a-wake-up-token-of-a-test";
const ofKind = (kind: string, manifests: readonly Manifest[]) => manifests.filter((each) => each.kind === kind);

/** The production overlay with these components in addition to its own. */
const withComponents = (...names: string[]) =>
  render({
    namespace: "dms",
    resources: ["../production"],
    components: names.map((name) => `../../components/${name}`),
    transformers: ["../../replacements"],
  });

/** The listeners of each route, by its name. */
function listenersOf(rendered: readonly Manifest[]): Record<string, unknown[]> {
  const routes = ofKind("HTTPRoute", rendered);
  return Object.fromEntries(
    routes.map((route) => [
      route.metadata.name,
      list(route, "spec.parentRefs").map((parent) => at(parent, "sectionName")),
    ]),
  );
}

describe.skipIf(!hasKubectl)("the overlays (skipped where there is no kubectl)", () => {
  test("in production every route is served over TLS alone, and plain HTTP only redirects", () => {
    const rendered = render("production");
    const { "dms-redirect": redirect, ...others } = listenersOf(rendered);
    expect(redirect).toEqual(["http"]);
    for (const [name, listeners] of Object.entries(others)) expect(listeners, name).toEqual(["https"]);
    expect(Object.keys(others).sort()).toEqual(["dms-fallback", "dms-meta", "dms-operator", "dms-user"]);
    const [gateway] = ofKind("Gateway", rendered);
    expect(at(gateway, "metadata.annotations")).toHaveProperty(["cert-manager.io/cluster-issuer"]);
    expect(list(gateway, "spec.listeners")[1]).toMatchObject({
      protocol: "HTTPS",
      port: 443,
      hostname: expect.stringMatching(/./),
      tls: { mode: "Terminate", certificateRefs: [{ name: expect.any(String) }] },
    });
  });

  test("operator routes can have a host of their own, on which other paths are 404 with a detail", () => {
    const rendered = withComponents("operator-host");
    const [gateway] = ofKind("Gateway", rendered);
    const hosts = list(gateway, "spec.listeners").map((listener) => at(listener, "hostname"));
    expect(new Set(hosts).size).toBe(hosts.length);
    expect(listenersOf(rendered)).toMatchObject({
      "dms-operator": ["operator"],
      "dms-user": ["https"],
      "dms-fallback": ["https", "operator"],
    });
  });

  test("with a wake-up token no source without it is left, and every background function has a schedule", () => {
    const rendered = withComponents("wake-up-token", "redis-password");
    expect([...ofKind("PingSource", rendered), ...ofKind("RedisStreamSource", rendered)]).toEqual([]);
    const urls = ofKind("CronJob", rendered).map((job) => at(containerOf(job), "env.0.value"));
    expect(urls.sort()).toEqual(["dispatcher", "janitor"].map((name) => `http://${name}.dms.svc.cluster.local`));
  });
});

const containerOf = (job: Manifest | undefined) => at(job, "spec.jobTemplate.spec.template.spec.containers.0");

test("the job of a schedule wakes its function with the token, and fails with a wrong one", async () => {
  const config = testConfig(redis.url, { DMS_WAKE_UP_TOKEN: token });
  const server = stopAfterTest(
    await startBackgroundServer(dispatcher, [health], config, collectLog(config).log, false),
  );
  const args = list(containerOf(manifestsOf("knative/components/wake-up-token")[0]), "args").map(String);
  const run = (tokens: string) =>
    promisify(execFile)(process.execPath, args, {
      env: { WAKE_UP_URL: server.address, DMS_WAKE_UP_TOKEN: tokens },
    });
  expect((await run(`${token}, another`)).stdout).toBe('{"status":200}\n');
  await expect(run(`x${token}`)).rejects.toMatchObject({ code: 1, stdout: '{"status":401}\n' });
});

test("a new Pod of the resident dispatcher is ready before an old one stops, and Pods spread over nodes and zones", () => {
  const [deployment] = ofKind("Deployment", manifestsOf("knative/base"));
  expect(at(deployment, "spec.strategy.rollingUpdate")).toEqual({ maxUnavailable: 0, maxSurge: 1 });
  const spread = list(deployment, "spec.template.spec.topologySpreadConstraints");
  expect(spread.map((each) => at(each, "topologyKey"))).toEqual([
    "topology.kubernetes.io/zone",
    "kubernetes.io/hostname",
  ]);
  const labels = at(deployment, "spec.template.metadata.labels");
  for (const each of spread) expect(labels).toMatchObject(at(each, "labelSelector.matchLabels") as object);
});

test("the policies of Redis and of the scheduler admit the functions", () => {
  const labels = { "app.kubernetes.io/part-of": "dms-frontend" };
  const base = manifestsOf("knative/base");
  const pods = [...ofKind("Service", base), ...ofKind("Deployment", base)];
  for (const each of pods) expect(at(each, "spec.template.metadata.labels")).toMatchObject(labels);
  expect(at(ofKind("Namespace", base)[0], "metadata.labels")).toMatchObject(labels);
  const [scheduler] = manifestsOf("knative/components/scheduler-policy");
  expect(list(scheduler, "spec.ingress.0.from")).toEqual([{ podSelector: { matchLabels: labels } }]);
  const [policy] = manifestsOf("knative/redis-policy");
  expect(list(policy, "spec.ingress.1.from")).toContainEqual({
    namespaceSelector: { matchLabels: labels },
    podSelector: { matchLabels: labels },
  });
});
