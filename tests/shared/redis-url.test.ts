import { expect, test } from "vitest";
import { loadConfig } from "../../shared/config.ts";
import { isRedisUrl, redisOptions } from "../../shared/redis-url.ts";

test.each([
  [
    "redis+sentinel://a:1,b:2,c:3/dms/5",
    {
      sentinels: [
        { host: "a", port: 1 },
        { host: "b", port: 2 },
        { host: "c", port: 3 },
      ],
      name: "dms",
      db: 5,
    },
  ],
  ["redis+sentinel://a:1/dms", { sentinels: [{ host: "a", port: 1 }], name: "dms", db: 0 }],
  [
    "redis+sentinel://a,b:2/dms/0",
    {
      sentinels: [
        { host: "a", port: 26_379 },
        { host: "b", port: 2 },
      ],
      name: "dms",
      db: 0,
    },
  ],
  [
    "redis+sentinel://[::1]:7,[fe80::2]/m",
    {
      sentinels: [
        { host: "::1", port: 7 },
        { host: "fe80::2", port: 26_379 },
      ],
      name: "m",
      db: 0,
    },
  ],
  [
    "redis+sentinel://s.dms-redis.svc.cluster.local:26379/my-master/0",
    { sentinels: [{ host: "s.dms-redis.svc.cluster.local", port: 26_379 }], name: "my-master", db: 0 },
  ],
  ["redis+sentinel://:secret@a:1/dms", { sentinels: [{ host: "a", port: 1 }], name: "dms", db: 0, password: "secret" }],
  [
    "redis+sentinel://user:p%40ss%3A%2F@a:1/my%20master/1",
    { sentinels: [{ host: "a", port: 1 }], name: "my master", db: 1, username: "user", password: "p@ss:/" },
  ],
])("%s names sentinels and master", (url, options) => {
  expect(redisOptions(url)).toEqual(options);
  expect(isRedisUrl(url)).toBe(true);
});

test.each([
  "redis://h:6379/0",
  "redis://h",
  "rediss://user:pw@h:6380/2",
  "redis://:pw@127.0.0.1:6379",
  "redis://[::1]:6379/0",
])("%s is left to the client", (url) => {
  expect(isRedisUrl(url)).toBe(true);
  expect(redisOptions(url)).toBeUndefined();
});

test.each([
  "",
  "h:6379",
  "http://h:6379",
  "redis://",
  "redis:///0",
  "redis://h/x",
  "redis://h:99999",
  "sentinel://a:1/dms",
  "redis+sentinel://",
  "redis+sentinel://a:1",
  "redis+sentinel://a:1/",
  "redis+sentinel:///dms/0",
  "redis+sentinel://,/dms",
  "redis+sentinel://a:1,/dms",
  "redis+sentinel://a:x/dms",
  "redis+sentinel://a:65536/dms",
  "redis+sentinel://a:1/dms/x",
  "redis+sentinel://a:1/dms/0/1",
  "redis+sentinel://:%@a:1/dms",
  "redis+sentinel://a:1/%E0%A4%A",
])("%j is refused", (url) => {
  expect(isRedisUrl(url)).toBe(false);
});

test("a sentinel URL is a valid setting, and an invalid one is reported without its password", () => {
  const good = "redis+sentinel://:s3cret@a:1,b:2/dms/0";
  expect(loadConfig({ DMS_REDIS_WRITE_URL: good })).toMatchObject({ redisWriteUrl: good, redisReadUrl: good });
  const load = () => loadConfig({ DMS_REDIS_WRITE_URL: "redis+sentinel://:s3cret@a:1,b:2" });
  expect(load).toThrow(/DMS_REDIS_WRITE_URL.*redis\+sentinel:\/\//);
  expect(load).not.toThrow(/s3cret/);
});
