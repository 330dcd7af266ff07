import { join } from "node:path";
import { writeCodeCaches } from "./code-cache.ts";
import { root } from "./functions.ts";
import { buildFunctions } from "./index.ts";
import { sizeReport } from "./sizes.ts";

const directory = join(root, "dist");
const { functions, metafiles } = await buildFunctions(directory);
await writeCodeCaches(functions, directory);
process.stdout.write(sizeReport(metafiles));
