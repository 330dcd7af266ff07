import { describe, expect, test } from "vitest";
import { findFunctions } from "../../build/functions.ts";
import { namespace } from "../../build/manifests/knative.ts";
import { at, hasKubectl, type Kustomization, list, type Manifest, render } from "../support/manifests.ts";

const functions = await findFunctions();
const ofKind = (kind: string, manifests: readonly Manifest[]) => manifests.filter((each) => each.kind === kind);
const nameOf = (kind: string, manifests: readonly Manifest[]) => ofKind(kind, manifests)[0]?.metadata.name;

/** A second deployment beside the one of the production overlay. */
const second: Kustomization = {
  namespace: "second",
  resources: ["../production"],
  transformers: ["../../replacements"],
  configMapGenerator: [
    { name: "dms-frontend", behavior: "merge", literals: ["DMS_REDIS_WRITE_URL=redis://redis.example:6379/7"] },
  ],
};

/** Every text in a value, with the path that leads to it. */
function texts(value: unknown, path = ""): [path: string, text: string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => texts(each, `${path}.${key}`));
}

/** The name of the Gateway and of its policy is the same in every namespace. */
const gatewayName = /^\.metadata\.name$|^\.spec\.(parentRefs|targetRefs)\.\d+\.name$/;

describe.skipIf(!hasKubectl)("kubectl kustomize (skipped where there is no kubectl)", () => {
  test.each(["dev", "production"])("renders the %s overlay with every function in its namespace", (overlay) => {
    const rendered = render(overlay);
    expect(ofKind("Service", rendered)).toHaveLength(functions.length);
    for (const { kind, metadata } of rendered) {
      if (kind !== "Namespace")
        expect(metadata.namespace).toBe(kind === "ReferenceGrant" ? "kourier-system" : namespace);
    }
  });

  test("every Service and Deployment reads the ConfigMap and the Secret by the hash of their contents", () => {
    const rendered = render("production");
    const [settings, secret] = [nameOf("ConfigMap", rendered), nameOf("Secret", rendered)];
    expect([settings, secret]).toEqual([
      expect.stringMatching(/^dms-frontend-\w{10}$/),
      expect.stringMatching(/^dms-frontend-\w{10}$/),
    ]);
    for (const manifest of [...ofKind("Service", rendered), ...ofKind("Deployment", rendered)]) {
      expect(at(manifest, "spec.template.spec.containers.0.envFrom"), manifest.metadata.name).toEqual([
        { configMapRef: { name: settings } },
        { secretRef: { name: secret } },
      ]);
    }
  });

  test("a change of a setting or a secret gives new names, which create new Revisions and Pods", () => {
    const names = (rendered: readonly Manifest[]) => [nameOf("ConfigMap", rendered), nameOf("Secret", rendered)];
    const [settings, secret] = names(render("production"));
    const [sameSettings, otherSecret] = names(render("production", "DMS_OPERATOR_TOKEN=fedcba9876543210\n"));
    expect([sameSettings, otherSecret === secret]).toEqual([settings, false]);
    const literals = ["DMS_LOG_LEVEL=DEBUG"];
    const changed = { ...second, configMapGenerator: [{ name: "dms-frontend", behavior: "merge", literals }] };
    expect(names(render(changed))[0]).not.toBe(names(render(second))[0]);
  });

  test("a second deployment has no trace of the first", () => {
    const rendered = render(second);
    expect(rendered).toHaveLength(render("production").length);
    for (const manifest of rendered) {
      for (const [path, text] of texts(manifest)) {
        if (text === namespace) expect(path, `${manifest.kind} ${manifest.metadata.name}`).toMatch(gatewayName);
        expect(text, path).not.toMatch(new RegExp(`[./]${namespace}([./]|$)`));
      }
    }
    const grants = [...ofKind("ReferenceGrant", rendered), ...ofKind("ReferenceGrant", render("production"))];
    expect(new Set(grants.map(({ metadata }) => metadata.name)).size).toBe(2);
    for (const { metadata } of grants) expect(metadata.namespace).toBe("kourier-system");
  });

  test("a second deployment routes to its own functions, and wakes its own dispatcher", () => {
    const rendered = render(second);
    const routes = ofKind("HTTPRoute", rendered).filter(({ metadata }) => metadata.name !== "dms-redirect");
    const rules = routes.flatMap((route) => list(route, "spec.rules"));
    const hosts = rules.map((rule) => String(at(rule, "filters.0.urlRewrite.hostname")));
    expect(hosts.length).toBeGreaterThan(20);
    for (const host of hosts) expect(host).toMatch(/^[\w-]+\.second\.svc\.cluster\.local$/);
    const [settings] = ofKind("ConfigMap", rendered);
    expect(at(settings, "data")).toMatchObject({
      DMS_DISPATCHER_URL: "http://dispatcher.second.svc.cluster.local",
      DMS_DEPLOYMENT: "second",
    });
  });

  test("everything that reads Redis uses the database of the setting", () => {
    const rendered = render(second);
    const [settings] = ofKind("ConfigMap", rendered);
    expect(String(at(settings, "data.DMS_REDIS_READ_URL"))).toMatch(/\/7$/);
    expect(at(ofKind("RedisStreamSource", rendered)[0], "spec.address")).toBe("redis://redis.example:6379/7");
    const metadata = { address: "redis.example:6379", databaseIndex: "7" };
    expect(at(ofKind("ScaledObject", rendered)[0], "spec.triggers.0.metadata")).toMatchObject(metadata);
  });

  test("for a Redis with a password the scaler reads the Secret, and the wake-up source is left out", () => {
    const rendered = render({ ...second, components: ["../../components/redis-password"] });
    expect(ofKind("RedisStreamSource", rendered)).toEqual([]);
    const [authentication] = ofKind("TriggerAuthentication", rendered);
    const reference = at(ofKind("ScaledObject", rendered)[0], "spec.triggers.0.authenticationRef");
    expect(reference).toEqual({ name: authentication?.metadata.name });
    for (const target of list(authentication, "spec.secretTargetRef")) {
      expect(at(target, "name")).toBe(nameOf("Secret", rendered));
    }
  });
});
