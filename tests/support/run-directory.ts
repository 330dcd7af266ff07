import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** A directory that the files of this run share. */
    runDirectory: string;
  }
}

/** Creates the directory of the run, and removes it after the last test. */
export default async function makeRunDirectory(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "dms-frontend-tests-"));
  project.provide("runDirectory", directory);
  return () => rm(directory, { recursive: true, force: true });
}
