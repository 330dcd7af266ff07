import type { IncomingMessage } from "node:http";
import { pause } from "../pause.ts";
import { networkFailure } from "./network-failure.ts";
import { isTransient, refusal } from "./refusal.ts";
import { type ApiBase, type Route, targetOf, type Values } from "./route.ts";
import type { Transport } from "./transport.ts";

/** One call of an endpoint. */
export interface Call {
  readonly route: Route;
  readonly values: Values;
  /** Task parameters, added to the query. */
  readonly parameters?: Values;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string;
  /** True when the request may be retried. @default true for GET */
  readonly idempotent?: boolean;
  /** Aborts this call only. @default the client's signal */
  readonly signal?: AbortSignal;
}

/** An answer of 2xx. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** The body as a stream. */
  readonly stream: AsyncIterable<Uint8Array>;
}

export interface ClientOptions {
  readonly base: ApiBase;
  readonly transport: Transport;
  readonly timeoutMs: number;
  /** Retries of an idempotent request. */
  readonly retries: number;
  readonly signal: AbortSignal;
  readonly operatorToken?: (() => Promise<string>) | undefined;
  /** Receives a line for each request and its answer. */
  readonly debug?: ((line: string) => void) | undefined;
}

/** Calls the API. Rejects with a Failure for every answer that is not 2xx. */
export interface Client {
  readonly base: ApiBase;
  /** The body as a stream; it is not retried when it breaks off. */
  send(call: Call): Promise<Answer>;
  /** The body as text; a body that breaks off counts as no answer. */
  text(call: Call): Promise<string>;
  close(): void;
}

const firstDelayMs = 250;
const maxDelayMs = 10_000;

/** Creates a client over a transport. */
export function createClient(options: ClientOptions): Client {
  const { base, transport, timeoutMs, retries, debug = () => {} } = options;

  async function attempt(call: Call): Promise<IncomingMessage> {
    const { route, body, signal = options.signal } = call;
    const target = targetOf(base, route, call.values, call.parameters);
    const headers: Record<string, string> = { accept: "application/json", ...call.headers };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (route.method !== "GET") headers["content-length"] = String(Buffer.byteLength(body ?? ""));
    debug(`> ${route.method} ${base.origin.origin}${target}${shown(headers)}`);
    if (route.auth === "operator" && options.operatorToken) headers["x-operator-token"] = await options.operatorToken();
    const started = performance.now();
    const response = await transport.send({ method: route.method, target, headers, body, timeoutMs, signal });
    debug(`< ${response.statusCode} after ${Math.round(performance.now() - started)} ms`);
    return response;
  }

  /** Retries an idempotent call until `take` has read an answer of 2xx. */
  async function ask<Taken>(
    call: Call,
    take: (response: IncomingMessage, signal: AbortSignal) => Taken | Promise<Taken>,
  ): Promise<Taken> {
    const { signal = options.signal } = call;
    const attempts = (call.idempotent ?? call.route.method === "GET") ? retries + 1 : 1;
    for (let sent = 1; ; sent++) {
      const last = sent >= attempts;
      try {
        const response = await attempt(call);
        const { statusCode: status = 0, headers } = response;
        if (status >= 200 && status < 300) return await take(response, signal);
        const body = await textOf(response);
        if (last || !isTransient(status)) throw refusal(response, body, call.route);
        await wait(signal, sent, Number(headers["retry-after"]) * 1000);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (!isNetworkError(error)) throw error;
        debug(`< ${error.message || error.name}`);
        if (last) throw networkFailure(error, base.origin, timeoutMs);
        await wait(signal, sent);
      }
    }
  }

  async function wait(signal: AbortSignal, sent: number, retryAfterMs = 0): Promise<void> {
    const ms = Math.min(maxDelayMs, Math.max(firstDelayMs * 2 ** (sent - 1), retryAfterMs || 0));
    debug(`- retry in about ${Math.round(ms)} ms`);
    await pause(ms * (0.75 + Math.random() / 2), signal);
  }

  /** A body that breaks off is a network error, too. */
  async function* guarded(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* response;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw networkFailure(error, base.origin, timeoutMs);
    }
  }

  return {
    base,
    send: (call) =>
      ask(call, (response, signal) => {
        const { statusCode: status = 0, headers } = response;
        return { status, headers, stream: guarded(response, signal) };
      }),
    text: (call) => ask(call, textOf),
    close: () => transport.close(),
  };
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

function isNetworkError(error: unknown): error is Error {
  return error instanceof Error && error.name !== "Failure";
}

function shown(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `\n>   ${name}: ${value}`)
    .join("");
}
