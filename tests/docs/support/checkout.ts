import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { onTestFinished } from "vitest";
import { root } from "./documents.ts";

/** A copy of the project for one test, in which commands may write what they like. */
export interface Checkout {
  readonly directory: string;
  /** A home of its own. */
  readonly home: string;
  /** Where commands are found before those of the machine. */
  readonly bin: string;
}

/** What no document needs, or what is too large to copy. */
const left = new Set([".git", ".dms", "node_modules", "coverage", "tests", "bench"]);

/** Copies the project, with the built command line and without its git history; gone after the test. */
export async function makeCheckout(): Promise<Checkout> {
  const base = await mkdtemp(join(tmpdir(), "dms-docs-"));
  onTestFinished(() => rm(base, { recursive: true, force: true }));
  const directory = join(base, "dms-frontend");
  await cp(root, directory, { recursive: true, filter: (path) => !left.has(relative(root, path)) });
  await symlink(join(root, "node_modules"), join(directory, "node_modules"));
  const home = join(base, "home");
  await mkdir(home);
  const bin = join(base, "bin");
  await mkdir(bin);
  return { directory, home, bin };
}

/** Puts a shell script of this name before the machine's command. */
export async function addCommand({ bin }: Checkout, name: string, body: string): Promise<void> {
  const path = join(bin, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
}
