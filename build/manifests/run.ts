import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../functions.ts";
import { generateManifests } from "./generate.ts";

for (const [path, text] of Object.entries(await generateManifests())) {
  await writeFile(join(root, path), text);
  process.stdout.write(`${path}\n`);
}
