import type { FastifyInstance } from "fastify";

/** The path at which every HTTP process of ours answers 200 as long as it runs. */
export const livenessPath = "/livez";
/** The body of that answer. */
export const alive = '{"status":"ok"}';

/** Adds `/livez`: 200 as long as the process answers, independent of Redis. */
export function addLiveness(app: FastifyInstance): void {
  app.get(livenessPath, { logLevel: "silent" }, (_request, reply) =>
    reply.header("content-type", "application/json; charset=utf-8").send(alive),
  );
}
