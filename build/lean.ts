import type { Plugin } from "esbuild";
import { expectAll } from "./expect-all.ts";
import { root } from "./functions.ts";
import type { Target } from "./target.ts";

/** A module that the functions' dependencies load and that no function ever reaches. */
export interface Replacement {
  readonly name: string;
  /** The importing file and the path that it asks for. */
  readonly importer: RegExp;
  readonly path: RegExp;
  readonly contents: string;
  /** @default every target */
  readonly target?: Target;
}

const absent = (what: string) => `() => { throw new Error("${what} is not part of this bundle") }`;

/**
 * Each saves at least 15 KB of a bundle, which a test asserts, or 2 ms of a cold start, measured with `npm run bench:lean`.
 * A replacement that saves less is removed.
 */
export const replacements: readonly Replacement[] = [
  // 302 KB. No route has a JSON schema: inputs are checked by the endpoint table's own rules.
  {
    name: "ajv",
    importer: /fastify\/lib\/schema-controller/,
    path: /ajv-compiler|fast-json-stringify/,
    contents: `module.exports = () => ${absent("ajv")};`,
  },
  // 38 KB. A server gets its requests over HTTP; only the Lambda adapter injects them.
  {
    name: "light-my-request",
    importer: /fastify\/fastify\.js/,
    path: /^light-my-request$/,
    contents: `module.exports = ${absent("inject")};`,
    target: "server",
  },
  // 5 to 8 ms. The gateway speaks HTTP/2; the function does not.
  {
    name: "http2",
    importer: /fastify\/lib\/server/,
    path: /^node:http2$/,
    contents: `exports.createServer = ${absent("HTTP/2")};`,
  },
  // 16 KB. No code asks for a client's address behind a proxy.
  {
    name: "proxy-addr",
    importer: /fastify\/lib\/request/,
    path: /proxy-addr$/,
    contents: `exports.all = exports.compile = ${absent("proxy-addr")};`,
  },
  // 29 KB. npm has checked at installation that the plugins fit this fastify.
  {
    name: "semver",
    importer: /fastify\/lib\/plugin-utils/,
    path: /^semver$/,
    contents: "exports.satisfies = () => true; exports.gt = () => false; exports.coerce = (version) => version;",
  },
  // 35 KB. Redis is one primary with replicas, or behind Sentinel; never a cluster.
  {
    name: "cluster",
    importer: /ioredis\/built\/(Redis|index)\.js/,
    path: /^\.\/cluster$/,
    contents: "exports.default = class Cluster {};",
  },
  // 274 KB of the dispatcher. The scheduler's client uses only these parts of undici.
  {
    name: "undici",
    importer: /scheduler-client\.ts$/,
    path: /^undici$/,
    contents: `exports.Client = require("undici/lib/dispatcher/client.js");
      exports.Pool = require("undici/lib/dispatcher/pool.js");
      exports.buildConnector = require("undici/lib/core/connect.js");`,
  },
  // 226 KB of the dispatcher. One of four parsers is enough: the scheduler's answers are short.
  {
    name: "parsers",
    importer: /undici\/lib\/dispatcher/,
    path: /milo\/|llhttp_simd/,
    contents: 'throw new Error("this parser is not part of the bundle");',
  },
  // 42 KB of the dispatcher. The scheduler's client sends text, never forms.
  {
    name: "forms",
    importer: /undici\/lib\/(core|dispatcher)/,
    path: /^\.\.\/web\//,
    contents: 'throw new Error("forms are not part of the bundle");',
  },
  // 4 ms. Only a transport needs the file that created its logger.
  { name: "caller", importer: /pino\/pino\.js/, path: /^\.\/lib\/caller$/, contents: "module.exports = () => [];" },
  // 4 ms and 8 KB. Debug output for terminals opens standard error and asks for its colours.
  {
    name: "debug",
    importer: /ioredis\/built\/utils\/debug/,
    path: /^debug$/,
    contents: "exports.default = () => Object.assign(() => {}, { enabled: false });",
  },
];

/**
 * Replaces modules that no function of a bundle reaches. The tests run against the bundles, so they reveal a wrong guess.
 * Fails the build when a dependency no longer imports one of the modules where it did.
 */
export function lean(target: Target, list: readonly Replacement[] = replacements): Plugin {
  return {
    name: "lean",
    setup(build) {
      const wanted = list.filter((item) => (item.target ?? target) === target);
      const met = expectAll(build, wanted);
      build.onResolve({ filter: /.*/ }, ({ importer, path }) => {
        const found = wanted.find((item) => item.path.test(path) && item.importer.test(importer));
        if (!found) return undefined;
        met(found);
        return { path: found.name, namespace: "lean" };
      });
      build.onLoad({ filter: /.*/, namespace: "lean" }, ({ path }) => {
        const contents = wanted.find(({ name }) => name === path)?.contents;
        return contents === undefined ? undefined : { contents, loader: "js", resolveDir: root };
      });
    },
  };
}
