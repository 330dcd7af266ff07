"use strict";
// The code of this bundle is in the comment below, so that V8 does not parse it twice. It is compiled here, from the code
// cache beside this file if there is one.
const { readFileSync } = require("node:fs");
const { Script } = require("node:vm");

const text = readFileSync(__filename, "latin1");
const start = text.indexOf("\n/*\n") + 4;
const code = text.slice(start, text.lastIndexOf("\n*/\n")).replaceAll("*\0/", "*/");
let cachedData;
try {
  cachedData = readFileSync(__filename.replace(/cjs$/, "cache"));
} catch {}
const script = new Script(`(function(exports,require,module,__filename,__dirname){\n${code}\n})`, {
  filename: __filename,
  lineOffset: text.slice(0, start).split("\n").length - 2,
  cachedData,
});
exports.script = script;
script.runInThisContext()(exports, require, module, __filename, __dirname);
