import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inject } from "vitest";
import { type BuiltFunction, buildFunctions } from "../../build/index.ts";
import { until } from "./until.ts";

export interface TestBuild {
  /** The directory of the bundles; every path of `functions.json` that starts with `dist/` is below it. */
  readonly dist: string;
  readonly functions: readonly BuiltFunction[];
}

/** The bundles of the current sources, built once for all files of a run. */
export async function useBuild(): Promise<TestBuild> {
  const directory = inject("runDirectory");
  const dist = join(directory, "dist");
  const ended = join(directory, "build.json");
  try {
    await mkdir(dist);
  } catch {
    // Another file is building.
    const { fault } = JSON.parse(await until(() => readFile(ended, "utf8"), { timeoutMs: 150_000 }));
    if (fault !== undefined) throw new Error(`the build failed: ${fault}`);
    return { dist, functions: JSON.parse(await readFile(join(dist, "functions.json"), "utf8")) };
  }
  const publish = async (outcome: object) => {
    await writeFile(`${ended}.new`, JSON.stringify(outcome));
    await rename(`${ended}.new`, ended);
  };
  try {
    const { functions } = await buildFunctions(dist);
    await publish({});
    return { dist, functions };
  } catch (error) {
    await publish({ fault: String(error) });
    throw error;
  }
}
