import { once } from "node:events";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { z } from "zod";
import type { Parts } from "./calls.ts";
import type { Faults } from "./faults.ts";
import type { Ledger } from "./ledger.ts";
import type { Front } from "./server.ts";
import { faultSchema, type Settings, settingsSchema } from "./settings.ts";

interface Controlled extends Parts {
  readonly faults: Faults;
  readonly ledger: Ledger;
  readonly front: Front;
  readonly settings: Settings;
}

const switches = z.object({ up: z.boolean() });
const block = z.object({ blocked: z.boolean(), user: z.string().optional(), published: z.boolean().default(true) });
const task = z.object({ task_id: z.string() });
const lateWrite = task.extend({ ms: z.number() });

type Verb = (controlled: Controlled, body: unknown) => unknown;

const verbs: Readonly<Record<string, Verb>> = {
  "GET /control/report": ({ ledger }) => ledger.report(),
  "GET /control/state": ({ front, jobs, records }) => ({
    requests: front.requests(),
    jobs: jobs.alive(),
    writes: records.waiting(),
  }),
  "POST /control/faults": ({ faults }, body) => faults.add(z.array(faultSchema).parse(body)),
  "POST /control/no-faults": ({ faults }) => faults.clear(),
  "POST /control/listen": ({ front }, body) => front.listen(switches.parse(body).up),
  "POST /control/settings": ({ settings }, body) =>
    Object.assign(settings, settingsSchema.parse({ ...settings, ...z.object({}).loose().parse(body) })),
  /** Forgets every job and everything that it has counted. */
  "POST /control/reset": ({ jobs, ledger }) => {
    jobs.clear();
    ledger.clear();
  },
  "POST /control/forget": ({ jobs }, body) => jobs.forget(task.parse(body).task_id),
  "POST /control/block": ({ blocks }, body) => {
    const { blocked, user, published } = block.parse(body);
    return blocks.set(blocked, user, published);
  },
  /** Reads a running task's record now and writes it back in `ms`, whatever has become of it. */
  "POST /control/late-write": async ({ records }, body) => {
    const { task_id: id, ms } = lateWrite.parse(body);
    const seen = await records.read(id);
    if (seen?.status !== "running") return { written: false };
    records.write(seen, {}, ms).catch(() => {});
    return { written: true };
  },
};

/** Opens the tests' own way in, which no fault meets; gives its address. */
export async function openControl(controlled: Controlled): Promise<string> {
  const server = createServer(async (request, response) => {
    try {
      const verb = verbs[`${request.method} ${request.url}`];
      if (!verb) throw new Error(`no such verb: ${request.method} ${request.url}`);
      const answer = (await verb(controlled, request.method === "POST" ? await json(request) : undefined)) ?? {};
      response.end(JSON.stringify(answer));
    } catch (error) {
      response.writeHead(400).end(JSON.stringify({ error: String(error) }));
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}`;
}
