import fc from "fast-check";
import { expect, test } from "vitest";
import { readRecord } from "../../task-state/index.ts";
import { newRecordTail } from "../../task-state/record/record.ts";
import { createEdits, editFunction } from "../../task-state/record/record-edit.ts";
import { useRedis } from "../support/redis.ts";
import { alice } from "./support.ts";

const redis = useRedis();
const time = "2026-11-24T05:00:00.000001+09:00";
const [edit] = createEdits({ status: "dispatching", logs: ["Sent"] }, { status: "running", logs: ["Taken"] });
const args = [edit.from, edit.to, edit.tail, edit.nextTail.replaceAll("\\u0000", time)];
const source = `${editFunction}
local edited = {}
for index = 5, #ARGV do edited[#edited + 1] = edit(ARGV[index], '7', unpack(ARGV, 1, 4)) or '' end
return edited`;

/** What the script makes of each text; empty where it leaves it alone. */
async function edited(texts: readonly Buffer[]): Promise<Buffer[]> {
  return (await redis.client.callBuffer("EVAL", source, 0, ...args, ...texts)) as Buffer[];
}

const submitted = (parameters: Record<string, string> = { src: "/a" }) =>
  `{"task_id":"7",${newRecordTail(alice, parameters, time)}`;

/** Fails where the script has edited what the reader refuses, or has made of it what the reader understands otherwise. */
function check(before: Buffer, after: Buffer): boolean {
  if (after.length === 0) return false;
  const [raw, next] = [before.toString(), after.toString()];
  expect(before.equals(Buffer.from(raw)), `not UTF-8: ${raw}`).toBe(true);
  const [was, is] = [readRecord("7", raw), readRecord("7", next)];
  expect(was.kind, raw).toBe("record");
  expect(JSON.parse(next), raw).toEqual({
    ...JSON.parse(raw),
    status: "dispatching",
    updated_at: time,
    logs: [`${time},Sent`],
  });
  expect(is.kind, next).toBe("record");
  return true;
}

test.each([
  ["as it was submitted", submitted(), true],
  ["without parameters", submitted({}), true],
  ["with parameters of any text", submitted({ "ü 用户": '"\\\n\u0000\u2028 😀 {}', __proto__x: "},{" }), true],
  ["with half a surrogate pair", submitted({ a: "\ud800" }), true],
  ["of another task", submitted().replace('"7"', '"8"'), false],
  ["with a second task_id", submitted().replace('"created_at"', '"task_id":"8","created_at"'), false],
  ["with a second status", submitted().replace('"created_at"', '"status":"running","created_at"'), false],
  ["with a second owner", submitted().replace('"created_at"', '"user_id":"bob","created_at"'), false],
  ["with second parameters", submitted().replace('"created_at"', '"parameters":{},"created_at"'), false],
  [
    "with members behind the parameters' end",
    submitted({ a: "b" }).replace('"b"}', '"b"},"logs":null,"x":{"y":"z"}'),
    false,
  ],
  ["with a parameter that is a number", submitted().replace('"/a"', "1"), false],
  ["with nested parameters", submitted().replace('"/a"', '{"a":"b"}'), false],
  ["with a comma too many", submitted().replace('"/a"', '"/a",'), false],
  ["with an escape that JSON has not", submitted().replace("/a", "\\x"), false],
  ["with half an escape", submitted().replace("/a", "\\u00"), false],
  ["with an escape cut by another", submitted().replace("/a", "\\u00\\n00"), false],
  ["with a raw control character", submitted().replace("/a", "\u0001"), false],
  ["with a raw NUL", submitted().replace("/a", "\u0000"), false],
  ["with a raw NUL in its service", submitted().replace("sync", "sy\u0000c"), false],
])("a record %s is edited only where it is plain", async (_, raw, wanted) => {
  const before = Buffer.from(raw);
  const [after = Buffer.alloc(0)] = await edited([before]);
  expect(check(before, after)).toBe(wanted);
});

test.each([
  ["a lone continuation byte", [0x80]],
  ["a cut sequence", [0xe6, 0xbc]],
  ["an overlong sequence", [0xc0, 0xaf]],
  ["an encoded surrogate", [0xed, 0xa0, 0x80]],
  ["a byte that UTF-8 has not", [0xff]],
  ["a number beyond Unicode", [0xf4, 0x90, 0x80, 0x80]],
])("a record with %s is not edited", async (_, bytes) => {
  const [head = "", tail = ""] = submitted({ src: "#" }).split("#");
  const before = Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from(tail)]);
  const [after = Buffer.alloc(0)] = await edited([before]);
  expect(check(before, after)).toBe(false);
});

const pieces = fc.constantFrom(
  '"',
  "\\",
  "}",
  "{",
  ",",
  ":",
  '":"',
  '","',
  '"},"',
  "\\u",
  "00e9",
  "\\\\",
  '\\"',
  "é",
  "漢",
  "\u0000",
  '"status":"running",',
  '"task_id":"8",',
  '"logs":null,',
  '"updated_at":"',
  '"created_at":"x",',
  '"parameters":{"a":"b"},',
  edit.tail,
);

test("whatever is put into a record's text, only what the reader calls a record is edited, and as it understands it", async () => {
  const insertion = fc.record({ at: fc.nat(400), text: fc.array(pieces, { maxLength: 6 }) });
  const byte = fc.record({ at: fc.nat(400), byte: fc.integer({ min: 0, max: 255 }) });
  let changed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(insertion, fc.option(byte, { freq: 1 })), { minLength: 50, maxLength: 50 }),
      async (all) => {
        const texts = all.map(([{ at, text }, odd], index) => {
          const raw = submitted(index % 2 === 0 ? { a: "b", c: "é" } : {});
          const cut = at % raw.length;
          const bytes = Buffer.from(raw.slice(0, cut) + text.join("") + raw.slice(cut));
          if (odd) bytes[odd.at % bytes.length] = odd.byte;
          return bytes;
        });
        const results = await edited(texts);
        for (const [index, text] of texts.entries()) {
          if (check(text, results[index] ?? Buffer.alloc(0))) changed += 1;
        }
      },
    ),
    { numRuns: 60 },
  );
  // Some are left whole, so that the check is made at all.
  expect(changed).toBeGreaterThan(10);
});
