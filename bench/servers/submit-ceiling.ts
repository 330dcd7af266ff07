import Fastify from "fastify";
import { alice, parameters, submitPath } from "../requests.ts";
import { recordCommand } from "./recorded-command.ts";
import { serve } from "./serve.ts";

/**
 * Submits a task without validation, logging and error handling: the same script, one call per request. (The store batches
 * the submissions of one event loop turn into one call.)
 */
await serve(async ({ redis = "" }) => {
  const submit = await recordCommand(redis, (store) => store.submit(alice, parameters));
  const app = Fastify();
  app.post(submitPath, async (_request, reply) => {
    const id = await submit();
    reply.code(202).header("content-type", "application/json; charset=utf-8");
    return `{"task_id":"${id}","status":"pending"}`;
  });
  return { address: await app.listen({ host: "127.0.0.1", port: 0 }), stop: () => app.close() };
});
