import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { type DeployableFunction, findFunctions, root, routePath } from "../../build/functions.ts";
import { generateManifests } from "../../build/manifests/generate.ts";
import { maxRules, namespace } from "../../build/manifests/knative.ts";
import { httpFunctions } from "../../functions/index.ts";
import { endpoints } from "../../shared/api/endpoints.ts";
import { variables } from "../../shared/config.ts";
import { dispatchGroup, keys } from "../../task-state/index.ts";
import { at, baseSettings, documents, list, type Manifest, manifestsOf } from "../support/manifests.ts";

const overlays = ["dev", "production"];
const functions = await findFunctions();
const base = manifestsOf("knative/base");
const served = functions.filter(({ kind }) => kind === "http");

const ofKind = (kind: string, manifests = base) => manifests.filter((manifest) => manifest.kind === kind);
const names = (named: readonly { name: string }[]) => named.map(({ name }) => name).sort();
const command = (manifest: Manifest) => at(manifest, "spec.template.spec.containers.0.args");

test("the endpoint table, the functions that a process mounts, and the function files are the same", () => {
  const expected = names(Object.values(endpoints));
  expect(names(served)).toEqual(expected);
  expect(names(httpFunctions.map(({ endpoint }) => endpoint))).toEqual(expected);
});

test.each(Object.entries(await generateManifests()))("%s is as `npm run manifests` writes it", (path, text) => {
  expect(readFileSync(join(root, path), "utf8"), "run `npm run manifests`").toBe(text);
});

test("every function has one Service that runs its bundle, and every Service has a function", () => {
  const services = ofKind("Service");
  expect(names(services.map(({ metadata }) => metadata))).toEqual(names(functions));
  for (const service of services) expect(command(service)).toEqual([`dist/server/${service.metadata.name}.cjs`]);
});

test("a Service sets only what Knative accepts without a feature flag, and no period that delays its first probe", () => {
  const plain = [
    "automountServiceAccountToken",
    "containerConcurrency",
    "containers",
    "enableServiceLinks",
    "timeoutSeconds",
  ];
  for (const service of ofKind("Service")) {
    expect(Object.keys(at(service, "spec.template.spec") as object).sort()).toEqual(plain);
    const container = at(service, "spec.template.spec.containers.0");
    expect(at(container, "securityContext")).toMatchObject({
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      seccompProfile: { type: "RuntimeDefault" },
      capabilities: { drop: ["ALL"] },
    });
    expect(at(container, "readinessProbe")).toEqual({ httpGet: { path: "/readyz", port: 0 } });
  }
});

test("the gateway waits longer than the Service, whose answer names the cause", () => {
  const timeouts = new Map(
    ofKind("Service").map((each) => [each.metadata.name, at(each, "spec.template.spec.timeoutSeconds")]),
  );
  for (const rule of ofKind("HTTPRoute").flatMap((route) => list(route, "spec.rules"))) {
    const [fn = ""] = String(at(rule, "filters.0.urlRewrite.hostname")).split(".");
    expect(Number.parseInt(String(at(rule, "timeouts.request")), 10), fn).toBeGreaterThan(Number(timeouts.get(fn)));
  }
});

test("every endpoint is routed to its function, and every route has an endpoint", () => {
  const pattern = ({ endpoint }: DeployableFunction) =>
    endpoint ? `${endpoint.method} ${routePath(endpoint).replaceAll(/\{\w+\}/g, "[^/]+")}` : "";
  const expected = served.map((fn) => `${pattern(fn)} → ${fn.name}.${namespace}.svc.cluster.local`);
  const routes = ofKind("HTTPRoute").filter(({ metadata }) => metadata.name !== "dms-fallback");
  for (const route of routes) expect(list(route, "spec.rules").length).toBeLessThanOrEqual(maxRules);
  const found = routes
    .flatMap((route) => list(route, "spec.rules"))
    .flatMap((rule) => list(rule, "matches").map((match) => ({ rule, match })))
    .map(
      ({ rule, match }) =>
        `${at(match, "method")} ${at(match, "path.value")} → ${at(rule, "filters.0.urlRewrite.hostname")}`,
    );
  expect(found.sort()).toEqual(expected.sort());
});

test("the gateway keeps an encoded slash", () => {
  const [gateway] = ofKind("Gateway");
  const [policy] = ofKind("ClientTrafficPolicy");
  expect(at(policy, "spec.targetRefs.0")).toMatchObject({ kind: "Gateway", name: gateway?.metadata.name });
  expect(at(policy, "spec.path")).toEqual({ escapedSlashesAction: "KeepUnchanged", disableMergeSlashes: true });
});

test("every route refers to a backend that the grant allows", () => {
  const [grant] = manifestsOf("knative/grant");
  const rules = ofKind("HTTPRoute").flatMap((route) => list(route, "spec.rules"));
  const backends = rules.map((rule) => `${at(rule, "backendRefs.0.namespace")}/${at(rule, "backendRefs.0.name")}`);
  expect(at(grant, "spec.from.0")).toMatchObject({ kind: "HTTPRoute", namespace });
  expect([...new Set(backends)]).toEqual([`${grant?.metadata.namespace}/${at(grant, "spec.to.0.name")}`]);
});

test("clients reach a function only through the gateway", () => {
  for (const { metadata } of ofKind("Service")) {
    expect(metadata).toMatchObject({ labels: { "networking.knative.dev/visibility": "cluster-local" } });
  }
});

test("every trigger wakes a background function, and every background function has a schedule", () => {
  const sources = [...ofKind("PingSource"), ...ofKind("RedisStreamSource")];
  const background = names(functions.filter(({ kind }) => kind === "background"));
  const sinkOf = (source: Manifest) => String(at(source, "spec.sink.ref.name"));
  expect([...new Set(sources.map(sinkOf))].sort()).toEqual(background);
  expect(ofKind("PingSource").map(sinkOf).sort()).toEqual(background);
  for (const source of ofKind("PingSource")) expect(String(at(source, "spec.schedule")).split(" ")).toHaveLength(6);
});

test("the wake-up source reads the work stream in its own group", () => {
  const [wakeUp] = ofKind("RedisStreamSource");
  expect(at(wakeUp, "spec.stream")).toBe(keys.work);
  expect(at(wakeUp, "spec.group")).not.toBe(dispatchGroup);
});

test("the resident dispatcher runs the dispatcher's bundle and scales by its group's lag", () => {
  const [deployment] = ofKind("Deployment");
  if (!deployment) throw new Error("there is no Deployment");
  expect(command(deployment)).toEqual(["dist/server/dispatcher.cjs", "resident"]);
  const [scaled] = ofKind("ScaledObject");
  expect(at(scaled, "spec.scaleTargetRef.name")).toBe(deployment.metadata.name);
  const expected = { stream: keys.work, consumerGroup: dispatchGroup, activationLagCount: "0" };
  expect(at(scaled, "spec.triggers.0")).toMatchObject({ type: "redis-streams", metadata: expected });
  const [budget] = ofKind("PodDisruptionBudget");
  const labels = at(deployment, "spec.template.metadata.labels");
  expect(labels).toMatchObject(at(budget, "spec.selector.matchLabels") as Record<string, string>);
});

test("the wake-up source, the scaler and the wake-up URL match the Redis and the dispatcher of the settings", () => {
  const { DMS_REDIS_WRITE_URL: url = "", ...settings } = baseSettings();
  const { host, pathname } = new URL(url);
  expect(at(ofKind("RedisStreamSource")[0], "spec.address")).toBe(url);
  expect(at(ofKind("ScaledObject")[0], "spec.triggers.0.metadata")).toMatchObject({
    address: host,
    databaseIndex: pathname.slice(1),
  });
  expect(settings.DMS_DISPATCHER_URL).toBe(`http://dispatcher.${namespace}.svc.cluster.local`);
  expect(settings.DMS_DEPLOYMENT).toBe(namespace);
});

test("every setting of the base is a variable that a process reads", () => {
  const known = Object.values(variables).map(({ name }) => name);
  expect(known).toEqual(expect.arrayContaining(Object.keys(baseSettings())));
});

test("the base contains no secret, and every process reads one ConfigMap and one Secret", () => {
  expect(ofKind("Secret")).toEqual([]);
  for (const manifest of [...ofKind("Service"), ...ofKind("Deployment")]) {
    expect(at(manifest, "spec.template.spec.containers.0.envFrom")).toEqual([
      { configMapRef: { name: "dms-frontend" } },
      { secretRef: { name: "dms-frontend" } },
    ]);
  }
});

test.each(overlays)("every patch of the %s overlay changes something of the base", (overlay) => {
  const directory = join("knative", "overlays", overlay);
  const { patches } = parse(readFileSync(join(root, directory, "kustomization.yaml"), "utf8"));
  for (const { path } of (patches ?? []) as { path?: string }[]) {
    // kustomize refuses a JSON patch without a target itself.
    if (path === undefined) continue;
    for (const { kind, metadata } of documents(join(directory, path))) {
      expect(base, `${dirname(path)}/${path}`).toContainEqual(
        expect.objectContaining({ kind, metadata: expect.objectContaining({ name: metadata.name }) }),
      );
    }
  }
});

test("the routes use the API prefix of the environment", () => {
  const script = `
    import { generateManifests } from ${JSON.stringify(join(root, "build/manifests/generate.ts"))};
    process.stdout.write(Object.values(await generateManifests()).join(""));`;
  const stdout = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...process.env, DMS_API_PREFIX: "/dms/v9" },
    encoding: "utf8",
    maxBuffer: 2 ** 24,
  });
  expect(stdout).toContain("/dms/v9/help");
  expect(stdout).not.toContain("/api/v1/");
});
