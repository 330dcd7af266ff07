import Fastify from "fastify";
import { alice, getPath } from "../requests.ts";
import { recordCommand } from "./recorded-command.ts";
import { serve } from "./serve.ts";

/**
 * The look at one task without validation, logging and errors: the same script, one call for each. (The store itself lets
 * the looks of one turn share a call.)
 */
await serve(async ({ redis = "", task = "" }) => {
  const read = await recordCommand(redis, (store) => store.get(task, alice));
  const app = Fastify();
  app.get(getPath(task), async (_request, reply) => {
    const raw = await read();
    reply.header("content-type", "application/json; charset=utf-8");
    return `{"task":${raw}}`;
  });
  return { address: await app.listen({ host: "127.0.0.1", port: 0 }), stop: () => app.close() };
});
