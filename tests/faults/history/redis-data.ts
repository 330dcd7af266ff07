import { setTimeout as pause } from "node:timers/promises";
import { isEnded, shownRecord } from "../checker/shown.ts";
import type { Random } from "../support/random.ts";
import type { Fault, FaultContext } from "./fault.ts";
import type { Lab } from "./lab.ts";

const sequence = "task:id:sequence";

/** Numbers below what was given out already, or none. */
const behind = [undefined, "0", "1", "-5"];
const noInteger = ["abc", "", "1e3", "12.5"];

/** Writes over a record that is still as it was seen. */
const replaceScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1`;

async function replace({ redis }: Lab, id: string, seen: string, next: string): Promise<boolean> {
  return (await redis.client.eval(replaceScript, 1, `task:${id}`, seen, next)) === 1;
}

/** Ways to spoil a record, given its text and the id of another task. */
const spoilings: Readonly<Record<string, (text: string, other: string) => string>> = {
  "no JSON": (text) => text.slice(0, -20),
  "logs null": (text) => JSON.stringify({ ...JSON.parse(text), logs: null }),
  "another task's id": (text, other) => JSON.stringify({ ...JSON.parse(text), task_id: other }),
  "status a number": (text) => JSON.stringify({ ...JSON.parse(text), status: 7 }),
  "a megabyte": (text) => `${text.slice(0, -1)},"more":${JSON.stringify("x".repeat(1_000_000))}`,
  nested: () => `${"[".repeat(5000)}${"]".repeat(5000)}`,
};

/** A task that no scheduler has: it waits, or has ended. */
async function findVictim({ lab, tickets, random }: FaultContext): Promise<{ id: string; text: string } | undefined> {
  for (let tries = 0; tries < 50 && tickets.length > 0; tries += 1) {
    await pause(20);
    const { id } = random.pick(tickets.slice(-15));
    const text = await lab.redis.client.get(`task:${id}`);
    const status = shownRecord(text ?? "")?.status;
    if (text && status !== undefined && (status === "pending" || isEnded(status))) return { id, text };
  }
  return undefined;
}

const spoilt: Fault = {
  name: "record spoilt",
  on: "record",
  async plan(context) {
    const { lab, ms, random, tickets } = context;
    const victim = await findVictim(context);
    if (!victim) return undefined;
    const [how, spoil] = pickEntry(random);
    const { id, text } = victim;
    const broken = spoil(text, random.pick(tickets).id);
    return {
      args: { task: id, how },
      async play() {
        if (!(await replace(lab, id, text, broken))) return;
        await pause(ms);
        // Another program repairs it, unless it is gone or repaired already.
        await replace(lab, id, broken, text);
      },
    };
  },
};

function pickEntry(random: Random) {
  return random.pick(Object.entries(spoilings));
}

/** What Redis holds is not what it held. */
export const redisData: readonly Fault[] = [
  {
    name: "sequence lost",
    on: "redis",
    plan({ lab, ms, random }) {
      const value = random.pick(behind.map((one) => ({ one }))).one;
      return {
        args: { value: value ?? "deleted" },
        async play() {
          if (value === undefined) await lab.redis.client.del(sequence);
          else await lab.redis.client.set(sequence, value);
          await pause(ms);
        },
      };
    },
  },
  {
    name: "sequence damaged",
    on: "redis",
    plan({ lab, ms, random }) {
      const value = random.pick(noInteger);
      return {
        args: { value },
        async play() {
          await lab.redis.client.set(sequence, value);
          await pause(ms);
          // As an operator is to do it.
          await lab.redis.client.del(sequence);
        },
      };
    },
  },
  {
    name: "sequence past 2^53",
    on: "redis",
    spoilsLab: true,
    plan: ({ lab }) => ({ play: async () => void (await lab.redis.client.set(sequence, String(2n ** 53n))) }),
  },
  spoilt,
];
