import fc from "fast-check";
import { expect, test } from "vitest";
import { identityFault, isTaskId, keys, maxIdentityBytes, mayNameTask } from "../../task-state/index.ts";
import { compareTaskIds, mayNameTaskFunction } from "../../task-state/redis/keys.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();

const allowed = (kind: "service" | "user") => (id: string) => identityFault(kind, id) === undefined;

/** Every id of up to four `:`-separated parts, all of which mean something in a key. */
function hostileIds(): string[] {
  const parts = ["", "a", "user", "users", "tasks", "service"];
  let ids = parts;
  const all = new Set(parts);
  for (let length = 2; length <= 4; length += 1) {
    ids = ids.flatMap((id) => parts.map((part) => `${id}:${part}`));
    for (const id of ids) all.add(id);
  }
  return [...all];
}

/** How many of the keys of these services and users stand for two things at once. */
function collisions(services: readonly string[], users: readonly string[]): number {
  const meaning = new Map<string, string>();
  let found = 0;
  const claim = (key: string, meant: string) => {
    const other = meaning.get(key);
    if (other !== undefined && other !== meant) found += 1;
    meaning.set(key, meant);
  };
  const claimSet = (set: string, meant: string) => {
    claim(set, meant);
    claim(keys.ordered(set), `${meant}, ordered`);
    claim(keys.healing(set), `${meant}, healing`);
  };
  for (const [name, key] of Object.entries(keys)) {
    if (typeof key === "string" && key !== keys.tasks) claim(key, name);
  }
  for (const id of ["1", "17"]) {
    claim(keys.record(id), `record ${id}`);
    claim(keys.metadata(id), `metadata ${id}`);
    claim(keys.sidecar(id), `sidecar ${id}`);
  }
  claimSet(keys.tasks, "all tasks");
  for (const user of users) {
    claimSet(keys.user(user), `user ${user}`);
    claim(keys.blocksUser(user), `blocks of ${user}`);
    claim(keys.parked(user), `parked of ${user}`);
    claim(keys.inFlightOf(user), `in flight of ${user}`);
  }
  for (const service of services) {
    claimSet(keys.service(service), `service ${service}`);
    claimSet(keys.users(service), `users of ${service}`);
    for (const user of users) claimSet(keys.owner({ service, user }), `owner ${JSON.stringify([service, user])}`);
  }
  return found;
}

test("no two keys of allowed services and users coincide", () => {
  const ids = hostileIds();
  const services = ids.filter(allowed("service"));
  const users = ids.filter((id) => /^.{1,12}$/.test(id)).filter(allowed("user"));
  expect(services.length).toBeGreaterThan(200);
  expect(users).toContain("a:users");
  expect(collisions(services, users)).toBe(0);
});

test.each(["a:users", "a:user", "a:user:a", "a:users:users"])("without the rule, service %s collides", (service) => {
  expect(identityFault("service", service)).toMatch(/collide/);
  const related = ["a", "a:users", service];
  expect(collisions(related, ["a", "users", "a:users", "user"])).toBeGreaterThan(0);
});

test.each([":users", ":user", "a:user:", "x:a:users:b", "用户:user", "a:b:users"])(
  "service %j is refused",
  (service) => {
    expect(identityFault("service", service)).toMatch(/^service must not hold ":user" or ":users"/);
  },
);

test.each(["sync", "cocoa.song", "a:b", "users", "user", "user:a", "a:userspace", "a:user2", "auser:users2", "Ünï"])(
  "service %j is allowed",
  (service) => {
    expect(identityFault("service", service)).toBeUndefined();
  },
);

test.each([
  "alice",
  "cocoa.song",
  "a@b.c",
  "ünïcødé 用户",
  "a:b",
  "a:users",
  ":user",
  "👩‍🚀",
  "{id}",
  "*",
  "\u2028",
  " ",
])("user %j is allowed", (user) => {
  expect(identityFault("user", user)).toBeUndefined();
});

test("an id is as long as its UTF-8, up to 256 bytes", () => {
  expect(maxIdentityBytes).toBe(256);
  for (const kind of ["service", "user"] as const) {
    expect(identityFault(kind, "x".repeat(256))).toBeUndefined();
    expect(identityFault(kind, "x".repeat(257))).toBe(`${kind} must not be longer than 256 bytes`);
    expect(identityFault(kind, "用".repeat(85))).toBeUndefined();
    expect(identityFault(kind, "用".repeat(86))).toMatch(/256 bytes/);
    expect(identityFault(kind, "😀".repeat(64))).toBeUndefined();
    expect(identityFault(kind, "😀".repeat(65))).toMatch(/256 bytes/);
  }
});

test("an empty id is refused", () => {
  expect(identityFault("service", "")).toBe("service must not be empty");
  expect(identityFault("user", "")).toBe("user must not be empty");
});

test("every control character is refused wherever it stands", () => {
  const codes = [...Array(0x20).keys(), 0x7f, ...Array.from({ length: 0x20 }, (_, index) => 0x80 + index)];
  for (const code of codes) {
    const character = String.fromCharCode(code);
    for (const id of [character, `${character}a`, `a${character}`, `a${character}b`]) {
      expect(identityFault("user", id)).toBe("user must not hold control characters");
      expect(identityFault("service", id)).toBe("service must not hold control characters");
    }
  }
});

test.each(["\ud83d", "\ude00", "a\ud83db", "\ude00\ud83d"])("the lone surrogate in %j is refused", (id) => {
  expect(identityFault("user", id)).toBe("user must be valid Unicode");
});

test.each(["1", "17", "1000000000000000", "9007199254740993", "9223372036854775807"])("%s is a task id", (id) => {
  expect(isTaskId(id)).toBe(true);
});

test.each([
  ...["", "0", "01", "-1", "+1", "1.0", "1e3", " 1", "1 ", "1\n", "0x1", "a", "1a", "١", "１", "id:sequence"],
  ...["1:metadata", "9223372036854775808", "9999999999999999999", "99999999999999999999"],
])("%j is no task id", (id) => {
  expect(isTaskId(id)).toBe(false);
});

test.each(["1", "9223372036854775808", "0", "demo", "a b", "a:b", "用户", "metadata", "x".repeat(256)])(
  "another program may keep a task under %j",
  (id) => expect(mayNameTask(id)).toBe(true),
);

test.each(["", "id:sequence", "1:metadata", ":metadata", "a\nb", "a\u0085", "\ud800", "x".repeat(257)])(
  "no program can keep a task under %j",
  (id) => expect(mayNameTask(id)).toBe(false),
);

test("ids are ordered by their numbers, then names by their bytes", () => {
  const ids = ["2", "10", "9007199254740992", "9007199254740993", "9223372036854775807"];
  const names = ["", "0", "01", "A", "a", "a ", "aa", "é", "\uffee", "😀"];
  expect([...names, ...ids].toReversed().sort(compareTaskIds)).toEqual([...ids, ...names]);
});

test("scripts know the same names", async () => {
  const texts = fc.sample(fc.string({ unit: "binary", maxLength: 8 }), 2000).filter((text) => text.isWellFormed());
  const odd = ["id:sequence", "1:metadata", "", "\u0080", "\u009f", "\u00a0", "\u007f", "\u001f", "用".repeat(86)];
  const all = [...texts, ...odd];
  const script = `${mayNameTaskFunction}
    local known = {}
    for index, text in ipairs(ARGV) do known[index] = may_name_task(text) and 1 or 0 end
    return known`;
  const known = (await redis.client.eval(script, 0, ...all)) as number[];
  expect(known).toEqual(all.map((text) => Number(mayNameTask(text))));
});
