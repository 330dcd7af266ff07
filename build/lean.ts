import type { Plugin } from "esbuild";
import { root } from "./functions.ts";
import type { Target } from "./target.ts";

/** A module that the functions' dependencies load and that no function ever reaches. */
interface Replacement {
  /** The importing file and the path that it asks for. */
  readonly importer: RegExp;
  readonly path: RegExp;
  readonly contents: string;
  /** @default every target */
  readonly target?: Target;
}

const absent = (what: string) => `() => { throw new Error("${what} is not part of this bundle") }`;

const assert =
  "module.exports = (value, message) => { if (!value) throw new Error(message) }; module.exports.strictEqual = () => {};";

const replacements: readonly Replacement[] = [
  // No route has a JSON schema: inputs are checked by the endpoint table's own rules.
  {
    importer: /fastify\/lib\/schema-controller/,
    path: /ajv-compiler|fast-json-stringify/,
    contents: `module.exports = () => ${absent("ajv")};`,
  },
  // A server is spoken to over HTTP; only the Lambda adapter injects requests.
  {
    importer: /fastify\/fastify\.js/,
    path: /^light-my-request$/,
    contents: `module.exports = ${absent("inject")};`,
    target: "server",
  },
  // TLS and HTTP/2 end at the gateway.
  { importer: /fastify\/lib\/server/, path: /^node:http(s|2)$/, contents: `exports.createServer = ${absent("TLS")};` },
  // No proxy is trusted: nobody asks for a client's address.
  {
    importer: /fastify\/lib\/request/,
    path: /proxy-addr$/,
    contents: `exports.all = exports.compile = ${absent("proxy-addr")};`,
  },
  // Whether plugins suit this fastify is settled when packages are installed.
  {
    importer: /fastify\/lib\/plugin-utils/,
    path: /^semver$/,
    contents: "exports.satisfies = () => true; exports.gt = () => false; exports.coerce = (version) => version;",
  },
  // Node's own loads the terminal's colours and standard error.
  {
    importer: /(fastify|find-my-way)\/lib|find-my-way\/index|redis-errors/,
    path: /^(node:)?assert$/,
    contents: assert,
  },
  // Redis is one primary with replicas, or behind Sentinel; never a cluster.
  {
    importer: /ioredis\/built\/(Redis|index)\.js/,
    path: /^\.\/cluster$/,
    contents: "exports.default = class Cluster {};",
  },
  // Of undici, only what the scheduler's client opens.
  {
    importer: /scheduler-client\.ts$/,
    path: /^undici$/,
    contents: `exports.Client = require("undici/lib/dispatcher/client.js");
      exports.Pool = require("undici/lib/dispatcher/pool.js");
      exports.buildConnector = require("undici/lib/core/connect.js");`,
  },
  // One of its four parsers is enough: answers of the scheduler are short.
  {
    importer: /undici\/lib\/dispatcher/,
    path: /milo\/|llhttp_simd/,
    contents: 'throw new Error("this parser is not part of the bundle");',
  },
  // Debug output for terminals opens standard error and asks for its colours.
  {
    importer: /ioredis\/built\/utils\/debug/,
    path: /^debug$/,
    contents: "exports.default = () => Object.assign(() => {}, { enabled: false });",
  },
  // Only a transport asks who has created its logger.
  { importer: /pino\/pino\.js/, path: /^\.\/lib\/caller$/, contents: "module.exports = () => [];" },
  // Logs go to stdout; a transport would need a worker and files of its own.
  { importer: /pino\//, path: /^thread-stream$/, contents: "module.exports = class ThreadStream {};" },
];

/** Leaves out of a bundle what its function cannot reach; the tests run over the bundles, so a wrong guess shows. */
export function lean(target: Target): Plugin {
  return {
    name: "lean",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /.*/ }, ({ importer, path }) => {
        const index = replacements.findIndex(
          (item) => item.path.test(path) && item.importer.test(importer) && (item.target ?? target) === target,
        );
        return index < 0 ? undefined : { path: String(index), namespace: "lean" };
      });
      onLoad({ filter: /.*/, namespace: "lean" }, ({ path }) => {
        const contents = replacements[Number(path)]?.contents;
        return contents === undefined ? undefined : { contents, loader: "js", resolveDir: root };
      });
    },
  };
}
