import type { RedisOptions } from "ioredis";
import { percentDecoded } from "./percent.ts";

const sentinelUrl =
  /^redis\+sentinel:\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^/@]+)\/(?<name>[^/]+)(?:\/(?<db>\d+))?$/;
const sentinelPort = 26_379;

/** The accepted forms of a Redis URL, for error messages. */
export const redisUrlForm =
  "must look like redis://[user:password@]host:port/0, rediss://… or redis+sentinel://host:port,host:port/master-name/0";

/** True for a URL that {@link redisOptions} understands. */
export function isRedisUrl(url: string): boolean {
  if (url.startsWith("redis+sentinel:")) return sentinelOptions(url) !== undefined;
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, pathname } = new URL(url);
  return (protocol === "redis:" || protocol === "rediss:") && hostname !== "" && /^(\/\d*)?$/.test(pathname);
}

/** Connection options of a `redis+sentinel://` URL; `undefined` for other URLs, which the client parses itself. */
export function redisOptions(url: string): RedisOptions | undefined {
  return url.startsWith("redis+sentinel:") ? sentinelOptions(url) : undefined;
}

function sentinelOptions(url: string): RedisOptions | undefined {
  const { user, password, hosts = "", name, db } = sentinelUrl.exec(url)?.groups ?? {};
  const sentinels = hosts.split(",").map((host) => {
    const [, address = "", port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(host) ?? [];
    return { host: address.replace(/^\[|\]$/g, ""), port: Number(port ?? sentinelPort) };
  });
  const decoded = [name, user, password].map((text) => percentDecoded(text));
  if (
    name === undefined ||
    decoded.includes(undefined) ||
    sentinels.some(({ host, port }) => host === "" || port > 65_535)
  )
    return undefined;
  return {
    sentinels,
    name: decoded[0] ?? "",
    db: Number(db ?? 0),
    ...(user ? { username: decoded[1] ?? "" } : {}),
    ...(password ? { password: decoded[2] ?? "" } : {}),
  };
}
