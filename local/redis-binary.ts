/** The path of a redis-server binary. */
export async function findRedisServer(): Promise<string> {
  return "redis-server";
}
