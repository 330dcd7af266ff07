import fc from "fast-check";
import { expect, test } from "vitest";
import { keys, readRecord } from "../../task-state/index.ts";
import { shownText } from "../../task-state/record/shown-record.ts";
import { useRedis } from "../support/redis.ts";
import { alice, foreignRecord, openStore, readable } from "./support.ts";

const redis = useRedis();
const tasks = 12;

const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    "null",
    '"\\ud800"',
    '"\\u0000"',
    `${"[".repeat(600)}${"]".repeat(600)}`,
    "1e999",
    "[[],{}]",
    '"\u0000"',
  ),
);
const name = fc.constantFrom(
  "task_id",
  "service",
  "user_id",
  "status",
  "parameters",
  "created_at",
  "logs",
  "result",
  "priority",
  "active_jobs",
  "x",
  "__proto__",
);
/** The text of a record, with members that occur twice, or cut off, or with bytes that are no text. */
const unreadable = fc.record({
  id: fc.integer({ min: 1, max: tasks }),
  members: fc.array(fc.tuple(name, odd), { maxLength: 3 }),
  cut: fc.option(fc.nat(300), { freq: 6 }),
  byte: fc.option(fc.integer({ min: 128, max: 255 }), { freq: 6 }),
});

function textOf({ id, members, cut, byte }: typeof unreadable extends fc.Arbitrary<infer T> ? T : never): Buffer {
  const more = members.map(([member, value]) => `,"${member}":${value}`).join("");
  const text = foreignRecord(String(id)).replace(/}$/, `${more}}`);
  const bytes = Buffer.from(cut === null ? text : text.slice(0, cut));
  return byte === null ? bytes : Buffer.concat([bytes.subarray(0, 60), Buffer.from([byte]), bytes.subarray(60)]);
}

test("lists show exactly the tasks that can be read, count the others, and agree with each single read", {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(unreadable, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: tasks }),
      async (all, limit) => {
        await redis.client.flushall();
        const { store } = openStore(redis);
        await Promise.all(Array.from({ length: tasks }, () => store.submit(alice, {})));
        for (const one of all) await redis.client.set(keys.record(String(one.id)), textOf(one));

        const whole: string[] = [];
        for (let id = 1; id <= tasks; id += 1) {
          const bytes = (await redis.client.getBuffer(keys.record(String(id)))) ?? Buffer.alloc(0);
          const raw = bytes.toString();
          const reading = readRecord(String(id), raw);
          if (bytes.equals(Buffer.from(raw)) && reading.kind === "record") {
            whole.push(String(id));
            expect(await store.get(String(id))).toBe(shownText(reading.record, raw));
          } else await expect(store.get(String(id))).rejects.toMatchObject({ code: "unreadable" });
        }

        const shown: string[] = [];
        let passedOver = 0;
        const next = store.pieces({});
        for (let piece = await next(); piece; piece = await next()) {
          shown.push(...piece.tasks);
          passedOver += piece.unreadable ?? 0;
        }
        expect(shown.map((raw) => JSON.parse(raw).task_id)).toEqual(whole);
        expect(passedOver).toBe(tasks - whole.length);

        const pages: string[] = [];
        let [cursor, unreadable]: [string | undefined, number] = [undefined, 0];
        do {
          const page = await store.page({}, { limit, order: "asc", ...(cursor === undefined ? {} : { cursor }) });
          pages.push(...page.tasks.map((raw) => readable(raw).task_id));
          unreadable += page.unreadable ?? 0;
          cursor = page.nextCursor;
        } while (cursor !== undefined);
        expect(pages).toEqual(whole);
        expect(unreadable).toBe(tasks - whole.length);
      },
    ),
    { numRuns: 30 },
  );
});
