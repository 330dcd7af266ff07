import type { IncomingMessage } from "node:http";
import type { FastifyRequest } from "fastify";
import { bodyLimit } from "./limits.ts";

type Done = (error: Error | null, body?: Buffer) => void;

/** Reads the body of a request; `undefined` for an empty one and for one without a content type, which is dropped. */
export type BodyReader = (request: FastifyRequest, payload: IncomingMessage, done: Done) => void;

/** The `detail` of a body that is longer than its route's limit. */
export const bodyTooLarge = "Request body is too large";

const tooLarge = Object.assign(new Error(bodyTooLarge), { statusCode: 413 });
const tooMany = Object.assign(new Error("Too many request bodies are arriving; try again"), { statusCode: 503 });

/** Creates the body reader of a process. It refuses a body when all bodies in transit would take more than `maxBytes`. */
export function createBodyReader(maxBytes: number): BodyReader {
  let held = 0;

  return (request, payload, done) => {
    const dropped = request.headers["content-type"] === undefined;
    const limit = dropped ? bodyLimit : (request.routeOptions.bodyLimit ?? bodyLimit);
    const declared = Number(request.headers["content-length"]);
    if (declared > limit) return done(tooLarge);
    let body = Buffer.alloc(0);
    let length = 0;
    let settled = false;

    const settle = (error: Error | null) => {
      if (settled) return;
      settled = true;
      held -= body.length;
      if (error) done(error);
      else done(null, dropped || length === 0 ? undefined : body.subarray(0, length));
    };
    payload.on("data", (chunk: Buffer) => {
      if (settled) return;
      const needed = length + chunk.length;
      if (needed > limit) return settle(tooLarge);
      if (!dropped) {
        // Copied: a body that arrives byte by byte would keep a buffer for each byte.
        if (needed > body.length) {
          const grown = Math.max(needed, Math.min(2 * body.length, limit));
          if (held + grown - body.length > maxBytes) return settle(tooMany);
          held += grown - body.length;
          body = Buffer.concat([body.subarray(0, length)], grown);
        }
        chunk.copy(body, length);
      }
      length = needed;
    });
    payload.on("end", () => settle(null));
    payload.on("error", (error: Error) => settle(Object.assign(error, { statusCode: 400 })));
    payload.on("close", () => settle(Object.assign(new Error("The request has ended early"), { statusCode: 400 })));
  };
}
