import type { FastifyInstance } from "fastify";

/** Stops accepting requests and finishes those in flight; connections still open after the grace period are closed. */
export async function closeApp(app: FastifyInstance, graceSeconds: number): Promise<void> {
  // Fastify does not close a connection that becomes idle later, nor one that never finishes its request.
  const idle = setInterval(() => app.server.closeIdleConnections(), 50);
  const forceClose = setTimeout(() => app.server.closeAllConnections(), graceSeconds * 1000);
  await app.close();
  clearInterval(idle);
  clearTimeout(forceClose);
}
