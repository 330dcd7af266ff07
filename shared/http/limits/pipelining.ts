import type { Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";

/** Calls `proceed` when nothing before this request on its connection is unanswered any more. */
export type Turnstile = (request: FastifyRequest, reply: FastifyReply, proceed: () => void) => void;

/**
 * Makes a turnstile that handles the requests of one connection one after the other, as HTTP/1.1 answers them: only one
 * answer is made at a time for a client that reads none. A connection on which more than `most` wait is closed.
 */
export function createTurnstile(most: number): Turnstile {
  const waiting = new WeakMap<Socket, number>();
  return ({ raw: { socket } }, reply, proceed) => {
    // An answer has its connection from the start, unless another one is before it.
    if (reply.raw.socket !== null) return proceed();
    const count = (waiting.get(socket) ?? 0) + 1;
    waiting.set(socket, count);
    if (count > most) {
      socket.destroy();
      return;
    }
    // Nothing more is read meanwhile than what has already arrived.
    socket.pause();
    reply.raw.once("socket", () => {
      const left = (waiting.get(socket) ?? 1) - 1;
      waiting.set(socket, left);
      if (left === 0) socket.resume();
      proceed();
    });
  };
}
