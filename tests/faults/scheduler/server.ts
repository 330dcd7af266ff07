import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { type Answer, cancel, type Parts, submit } from "./calls.ts";
import type { Faults } from "./faults.ts";
import type { Ledger } from "./ledger.ts";
import { answerRaw, isRaw, type Progress } from "./raw-answers.ts";
import type { Fault, SubmissionEntry } from "./settings.ts";

/** The scheduler's own address. */
export interface Front {
  /** `http://127.0.0.1:<port>`, the same after every opening. */
  readonly address: string;
  /** True: takes connections. False: refuses them, and breaks those that stand. */
  listen(up: boolean): Promise<void>;
  /** Requests under way. */
  requests(): number;
}

const named = z.object({
  task_id: z.string(),
  user_id: z.string(),
  parameters: z.record(z.string(), z.string()).default({}),
});
const calls = { "/task": "submit", "/cancel": "cancel" } as const;

/** Opens the front on a free port. */
export async function openFront(parts: Parts & { faults: Faults; ledger: Ledger }): Promise<Front> {
  let requests = 0;
  const create = () =>
    createServer((request, response) => {
      requests += 1;
      response.once("close", () => {
        requests -= 1;
      });
      // A connection that breaks while its request is read concerns nobody.
      serve(parts, request, response, requests).catch(() => response.destroy());
    });
  let server = create();
  const port = await open(server, 0);
  return {
    address: `http://127.0.0.1:${port}`,
    async listen(up) {
      if (up === server.listening) return;
      if (up) {
        server = create();
        await open(server, port);
      } else {
        const closed = once(server, "close");
        server.close();
        server.closeAllConnections();
        await closed;
      }
    },
    requests: () => requests,
  };
}

async function open(server: Server, port: number): Promise<number> {
  // Longer than any pause of a test: who closes idle connections first is the client's business.
  server.keepAliveTimeout = 60_000;
  await once(server.listen(port, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function serve(
  parts: Parts & { faults: Faults; ledger: Ledger },
  request: IncomingMessage,
  response: ServerResponse,
  concurrent: number,
): Promise<void> {
  const call = calls[(request.url ?? "") as keyof typeof calls];
  const body: unknown = await json(request);
  const { data } = named.safeParse(body);
  if (!call || !data) return answer(response, { status: call ? 422 : 404, body: { detail: "Not Found" } });
  const progress = progressOf(call === "submit" ? parts.ledger.submitted(data, concurrent) : undefined);
  const fault = parts.faults.meet(call, data.user_id);
  if (fault) parts.ledger.met(fault.name ?? fault.kind);
  const carryOut = () => (call === "submit" ? submit(parts, body) : cancel(parts, body)).catch(internalError);
  const done = !fault || fault.taken || fault.kind === "late" ? await carryOut() : undefined;
  if (fault) await strike(fault, request, response);
  if (response.destroyed || response.writableEnded || fault?.kind === "hang") return;
  const given = done && fault?.kind !== "status" ? done : statusOf(fault);
  if (call === "cancel") parts.ledger.cancelAnswered(data.task_id, given.status);
  if (isRaw(fault)) return answerRaw(request.socket, given, fault, progress);
  progress.line(given.status);
  progress.headed();
  answer(response, given, fault?.retryAfter);
}

/** Notes on a submission's entry what its sender can know. */
function progressOf(entry: SubmissionEntry | undefined): Progress {
  return {
    line(status) {
      if (entry) Object.assign(entry, { status, statusAt: Date.now() });
    },
    headed() {
      if (entry) entry.headed = true;
    },
  };
}

async function strike(fault: Fault, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (fault.kind === "late") await pause(fault.ms);
  if (fault.kind === "reset") {
    request.socket.resetAndDestroy();
    response.destroy();
  }
}

function statusOf(fault: Fault | undefined): Answer {
  return { status: fault?.status ?? 500, body: { detail: fault?.detail ?? "Internal Server Error" } };
}

function internalError(): Answer {
  return { status: 500, body: { detail: "Internal Server Error" } };
}

function answer(response: ServerResponse, { status, body }: Answer, retryAfter?: string): void {
  const later = retryAfter === undefined ? {} : { "retry-after": retryAfter };
  response.writeHead(status, { "content-type": "application/json", ...later }).end(JSON.stringify(body));
}
