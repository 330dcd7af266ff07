import { execFileSync } from "node:child_process";
import { mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { root } from "../../build/functions.ts";
import { at, hasKubectl, type Kustomization, type Manifest, manifestsOf, render } from "../support/manifests.ts";

/** The package of the published models for each API group. */
const packages: Readonly<Record<string, string>> = {
  "serving.knative.dev": "@kubernetes-models/knative",
  "sources.knative.dev": "@kubernetes-models/knative",
  "keda.sh": "@kubernetes-models/keda",
  "gateway.networking.k8s.io": "@kubernetes-models/gateway-api",
  apps: "kubernetes-models",
  batch: "kubernetes-models",
  policy: "kubernetes-models",
  "networking.k8s.io": "kubernetes-models",
  "": "kubernetes-models",
};

/** Kinds that nobody has published models for. */
const withoutModel = ["RedisStreamSource", "ClientTrafficPolicy"];

const components = ["tls", "operator-host", "redis-password", "scheduler-policy", "wake-up-token"];
const everything: Kustomization = {
  namespace: "second",
  resources: ["../dev"],
  components: components.map((name) => `../../components/${name}`),
  transformers: ["../../replacements"],
};

/** All manifests of the project; those of overlays where there is a kubectl. */
function allManifests(): Manifest[] {
  const plain = ["knative/base", "knative/grant", "knative/redis-policy", "knative/components/wake-up-token"];
  const others = ["knative/components/scheduler-policy", "knative/components/redis-password"];
  const rendered = hasKubectl ? [...render("production"), ...render("dev"), ...render(everything)] : [];
  return [...[...plain, ...others].flatMap(manifestsOf), ...rendered];
}

function moduleOf(apiVersion: string): string {
  const [group = "", version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const name = packages[group];
  if (name === undefined) throw new Error(`no package has models of ${apiVersion}`);
  return [name, group, version].filter((part) => part !== "").join("/");
}

const modelled = (manifests: readonly Manifest[]) => manifests.filter(({ kind }) => !withoutModel.includes(kind));

/** The errors of the compiler for manifests as object literals, where it refuses unknown fields. */
function compile(manifests: readonly Manifest[]): string {
  const directory = mkdtempSync(join(inject("runDirectory"), "models-"));
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  const lines = manifests.map(({ apiVersion, kind, ...rest }, index) => {
    const model = `${kind}${index}`;
    const literal = JSON.stringify(rest, null, 1);
    return `import { ${kind} as ${model} } from ${JSON.stringify(moduleOf(apiVersion))};\nnew ${model}(${literal});`;
  });
  writeFileSync(join(directory, "manifests.ts"), lines.join("\n"));
  const compilerOptions = { noEmit: true, strict: true, module: "nodenext", target: "esnext", skipLibCheck: true };
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["manifests.ts"] }));
  writeFileSync(join(directory, "package.json"), '{"type":"module"}');
  try {
    execFileSync(join(root, "node_modules", ".bin", "tsc"), ["-p", directory], { encoding: "utf8", stdio: "pipe" });
    return "";
  } catch (error) {
    return String((error as { stdout?: string }).stdout);
  }
}

test("every manifest has exactly the fields of its published model", () => {
  const manifests = modelled(allManifests());
  expect(manifests.length).toBeGreaterThan(30);
  expect(compile(manifests)).toBe("");
}, 120_000);

test("every manifest is valid to the schema of its published model", async () => {
  for (const manifest of modelled(allManifests())) {
    const models = (await import(moduleOf(manifest.apiVersion))) as Record<string, new (data: Manifest) => Model>;
    const model = models[manifest.kind];
    if (!model) throw new Error(`there is no model of ${manifest.apiVersion} ${manifest.kind}`);
    expect(() => new model(manifest).validate(), `${manifest.kind} ${manifest.metadata.name}`).not.toThrow();
  }
}, 120_000);

interface Model {
  validate(): void;
}

test.each([
  ["Service", "spec.template.spec.containers.0.readinessProbe"],
  ["HTTPRoute", "spec.rules.0.matches.0"],
  ["ScaledObject", "spec.triggers.0"],
  ["Deployment", "spec.template.spec"],
])("an unknown field of a %s in %s is refused", (kind, path) => {
  const manifest = manifestsOf("knative/base").find((each) => each.kind === kind);
  if (!manifest) throw new Error(`there is no ${kind}`);
  expect(compile([manifest])).toBe("");
  Object.assign(at(manifest, path) as object, { mistyped: 1 });
  expect(compile([manifest])).toMatch(/mistyped.*does not exist in type/);
});
