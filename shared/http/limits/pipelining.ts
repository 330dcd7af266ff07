import type { Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";

/** Calls `proceed` when all earlier requests on the connection are answered. */
export type PipelineLimiter = (request: FastifyRequest, reply: FastifyReply, proceed: () => void) => void;

/**
 * Handles the requests of one connection one after the other, as HTTP/1.1 answers them, so that a client that reads
 * nothing costs one answer. A connection on which more than `maxWaiting` requests wait is closed.
 */
export function createPipelineLimiter(maxWaiting: number): PipelineLimiter {
  const waiting = new WeakMap<Socket, number>();
  return ({ raw: { socket } }, reply, proceed) => {
    // An answer has its connection from the start, unless an earlier one is in progress.
    if (reply.raw.socket !== null) return proceed();
    const count = (waiting.get(socket) ?? 0) + 1;
    waiting.set(socket, count);
    if (count > maxWaiting) {
      socket.destroy();
      return;
    }
    // Until then, only data that has already arrived is read.
    socket.pause();
    reply.raw.once("socket", () => {
      const left = (waiting.get(socket) ?? 1) - 1;
      waiting.set(socket, left);
      if (left === 0) socket.resume();
      proceed();
    });
  };
}
