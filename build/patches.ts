import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";
import { expectAll } from "./expect-all.ts";

/** A change to a dependency's source. */
export interface Patch {
  readonly name: string;
  /** The end of the file's path. */
  readonly file: RegExp;
  /** Texts that must be in the file, each with its replacement. */
  readonly changes: readonly (readonly [find: string, replacement: string])[];
}

/** Each saves at least 2 ms of a cold start, measured with `npm run bench:lean`. A patch that saves less is removed. */
export const patches: readonly Patch[] = [
  // 9 to 14 ms. ioredis adds 600 methods to a prototype one at a time, and V8 copies the whole prototype for each. The patch
  // adds them to a plain object, which then becomes the prototype of that prototype.
  {
    name: "ioredis methods",
    file: /ioredis\/built\/utils\/Commander\.js$/,
    changes: [
      ["commands.forEach(function (commandName) {", "const methods = Object.create(null);\n$&"],
      ["Commander.prototype[commandName] =", "methods[commandName] ="],
      ['Commander.prototype[commandName + "Buffer"] =', 'methods[commandName + "Buffer"] ='],
      [
        "Commander.prototype.call = ",
        "Object.setPrototypeOf(methods, Object.prototype);\nObject.setPrototypeOf(Commander.prototype, methods);\n$&",
      ],
    ],
  },
];

/** Patches dependencies that slow a cold start down; fails the build when the text to replace is not there. */
export function patched(list: readonly Patch[] = patches): Plugin {
  return {
    name: "patches",
    setup(build) {
      const met = expectAll(build, list);
      for (const patch of list) {
        build.onLoad({ filter: patch.file }, async ({ path }) => {
          met(patch);
          let contents = await readFile(path, "utf8");
          for (const [find, replacement] of patch.changes) {
            if (!contents.includes(find)) throw new Error(`${path} no longer has the text ${JSON.stringify(find)}`);
            contents = contents.replace(find, replacement);
          }
          return { contents, loader: "js" };
        });
      }
    },
  };
}
