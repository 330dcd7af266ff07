import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../support/service-process.ts";

/** A text that stands exactly once in a file of the product, and what stands there instead. */
export interface Replacement {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** What a process of the product is made of. */
const sources = ["functions", "shared", "task-state", "local", "package.json"];

/**
 * A copy of the product's sources with these replacements, in a directory of its own outside the project.
 * @throws Error when a text does not stand in its file exactly once
 */
export async function copyWith(
  replacements: readonly Replacement[],
): Promise<{ root: string; remove(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), "dms-mutant-"));
  const remove = () => rm(root, { recursive: true, force: true });
  try {
    for (const source of sources) await cp(join(projectRoot, source), join(root, source), { recursive: true });
    await symlink(join(projectRoot, "node_modules"), join(root, "node_modules"));
    for (const replacement of replacements) await replace(root, replacement);
    return { root, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function replace(root: string, { file, from, to }: Replacement): Promise<void> {
  const text = await readFile(join(root, file), "utf8");
  const found = text.split(from).length - 1;
  if (found !== 1) throw new Error(`${file} holds ${found} times, not once: ${from}`);
  await writeFile(
    join(root, file),
    text.replace(from, () => to),
  );
}
