import { execFile, type SpawnOptions, spawn } from "node:child_process";
import { cp, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { inject } from "vitest";
import { root } from "../../build/functions.ts";

const binary = join(root, "node_modules", "serverless", "bin", "serverless.js");

/** A copy of the files that serverless reads, with the bundles of this run, in the directory of the run. */
export async function serviceCopy(dist: string, name: string): Promise<string> {
  const directory = join(inject("runDirectory"), name);
  await mkdir(directory);
  for (const file of ["serverless.yml", "serverless.functions.yml", "package.json"]) {
    await cp(join(root, file), join(directory, file));
  }
  await cp(dist, join(directory, "dist"), { recursive: true });
  await symlink(join(root, "node_modules"), join(directory, "node_modules"));
  return directory;
}

const environment = (directory: string) => ({
  PATH: process.env.PATH,
  HOME: directory,
  AWS_ACCESS_KEY_ID: "offline",
  AWS_SECRET_ACCESS_KEY: "offline",
});

/** Runs serverless to its end. */
export async function runServerless(cwd: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [binary, ...args], { cwd, env: environment(cwd) });
}

/** Starts serverless with additional settings. */
export function spawnServerless(cwd: string, args: readonly string[], more: Readonly<Record<string, string>>) {
  const options: SpawnOptions = { cwd, stdio: "ignore", env: { ...environment(cwd), ...more } };
  return spawn(process.execPath, [binary, ...args], options);
}
