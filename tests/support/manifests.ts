import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";
import { parse, parseAllDocuments, stringify } from "yaml";
import { root } from "../../build/functions.ts";

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** The resources of a text with several YAML documents. */
export function documentsOf(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

/** The resources of a file, relative to the project root. */
export function documents(path: string): Manifest[] {
  return documentsOf(readFileSync(join(root, path), "utf8"));
}

/** The resources of a kustomization and of the ones that it refers to, without its generators, patches and transformers. */
export function manifestsOf(directory: string): Manifest[] {
  const { resources } = parse(readFileSync(join(root, directory, "kustomization.yaml"), "utf8"));
  return (resources as string[]).flatMap((resource) =>
    resource.endsWith(".yaml") ? documents(join(directory, resource)) : manifestsOf(join(directory, resource)),
  );
}

/** The settings of the base. */
export function baseSettings(): Record<string, string> {
  const lines = readFileSync(join(root, "knative/base/settings.env"), "utf8").split("\n");
  const pairs = lines.filter((line) => line !== "" && !line.startsWith("#")).map((line) => line.split("=", 2));
  return Object.fromEntries(pairs);
}

/** The value at a path such as `spec.rules`; each kind has its own shape. */
export function at(manifest: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, key) => (value as Record<string, unknown>)?.[key], manifest);
}

export const list = (manifest: unknown, path: string) => at(manifest, path) as unknown[];

/** True where overlays can be rendered. */
export const hasKubectl = spawnSync("kubectl", ["version", "--client"]).status === 0;

/** A kustomization of a test, beside the overlays of the project. */
export type Kustomization = Readonly<Record<string, unknown>>;

/**
 * The resources of an overlay as `kubectl apply -k` would send them; an object is an overlay of its own, in
 * `knative/overlays`. The production overlay gets a secret file.
 */
export function render(overlay: string | Kustomization, secret = "DMS_OPERATOR_TOKEN=0123456789abcdef\n"): Manifest[] {
  const directory = mkdtempSync(join(inject("runDirectory"), "knative-"));
  cpSync(join(root, "knative"), directory, { recursive: true });
  const overlays = join(directory, "overlays");
  writeFileSync(join(overlays, "production", "secret.env"), secret);
  let name = overlay;
  if (typeof name !== "string") {
    name = "of-a-test";
    mkdirSync(join(overlays, name));
    writeFileSync(join(overlays, name, "kustomization.yaml"), stringify(overlay));
  }
  return documentsOf(execFileSync("kubectl", ["kustomize", join(overlays, name)], { encoding: "utf8" }));
}
