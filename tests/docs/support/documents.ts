import { existsSync } from "node:fs";
import { glob } from "node:fs/promises";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../../..");

const guides = ["README.md", "CONTRIBUTING.md"];
const ours = (path: string) => !/(^|\/)(node_modules|dist|coverage|\.[a-z][^/]*)(\/|$)/.test(path);

/** Its examples are not run in their order: each runs alone in a test of its own. */
export const commandReference = "docs/cli.md";

/** The pages whose shell blocks run: the README, the guide for contributors and what is in `docs/`, from the root. */
export async function documents(): Promise<string[]> {
  const present = guides.filter((path) => existsSync(join(root, path)));
  return [...present, ...(await pages("docs/*.md"))];
}

/** Every page of the project, from the root. */
export function allPages(): Promise<string[]> {
  return pages("**/*.md");
}

async function pages(pattern: string): Promise<string[]> {
  const found: string[] = [];
  for await (const path of glob(pattern, { cwd: root, exclude: (name) => !ours(name) })) {
    if (ours(path)) found.push(path);
  }
  return found.toSorted();
}
