import type { FastifyInstance } from "fastify";

/** Stops taking requests and finishes those under way; connections that still stand after the grace are cut. */
export async function closeApp(app: FastifyInstance, graceSeconds: number): Promise<void> {
  // A connection that falls idle only now is not closed by itself, and one that never finishes its request never is.
  const idle = setInterval(() => app.server.closeIdleConnections(), 50);
  const patience = setTimeout(() => app.server.closeAllConnections(), graceSeconds * 1000);
  await app.close();
  clearInterval(idle);
  clearTimeout(patience);
}
