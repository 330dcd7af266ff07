import Fastify from "fastify";
import { alice, getPath } from "../requests.ts";
import { recordCommand } from "./recorded-command.ts";
import { serve } from "./serve.ts";

/**
 * Reads one task without validation, logging and error handling: the same script, one call per request. (The store batches
 * the reads of one event loop turn into one call.)
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
