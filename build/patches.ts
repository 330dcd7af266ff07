import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";
import { expectAll } from "./expect-all.ts";

/** A change of a dependency's text. */
export interface Patch {
  readonly name: string;
  /** The end of the file's path. */
  readonly file: RegExp;
  /** Texts that must be there, each with what takes its place. */
  readonly changes: readonly (readonly [find: string, replacement: string])[];
}

/** Each saves 2 ms of a cold start, by `npm run bench:lean`; what saves less goes. */
export const patches: readonly Patch[] = [
  // 9 to 14 ms. ioredis writes 600 methods one by one into a prototype, and V8 copies it whole for each. They are written
  // into a bare object first, and that is set as the prototype's own.
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

/** Changes dependencies where they make a cold start slow; fails a build in which one is no longer what it was. */
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
