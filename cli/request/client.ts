import type { IncomingMessage } from "node:http";
import { pause } from "../pause.ts";
import { networkFailure } from "./network-failure.ts";
import { isPassing, refusal } from "./refusal.ts";
import { type ApiBase, type Route, targetOf, type Values } from "./route.ts";
import type { Transport } from "./transport.ts";

/** One call of an endpoint. */
export interface Call {
  readonly route: Route;
  readonly values: Values;
  /** Go into the query beside the endpoint's own inputs. */
  readonly parameters?: Values;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string;
  /** True when the server does the work once however often it is asked. @default true for GET */
  readonly repeatable?: boolean;
  /** Ends this call before the client's own signal does. */
  readonly signal?: AbortSignal;
}

/** An answer of 2xx. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** The body as it arrives. */
  readonly stream: AsyncIterable<Uint8Array>;
}

export interface ClientOptions {
  readonly base: ApiBase;
  readonly transport: Transport;
  readonly timeoutMs: number;
  /** Repetitions of a request that is safe to repeat. */
  readonly retries: number;
  readonly signal: AbortSignal;
  readonly operatorToken?: (() => Promise<string>) | undefined;
  /** Told about each request and its answer. */
  readonly debug?: ((line: string) => void) | undefined;
}

/** Speaks with the API. Rejects with a Failure for everything that is not 2xx. */
export interface Client {
  readonly base: ApiBase;
  /** The body as a stream, which is not asked for again when it breaks off. */
  send(call: Call): Promise<Answer>;
  /** The body as text; one that breaks off counts as no answer. */
  text(call: Call): Promise<string>;
  close(): void;
}

const firstPauseMs = 250;
const longestPauseMs = 10_000;

/** A client over a transport. */
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

  /** Asks until an answer of 2xx has been taken, as often as the call may be repeated. */
  async function ask<Taken>(
    call: Call,
    take: (response: IncomingMessage, signal: AbortSignal) => Taken | Promise<Taken>,
  ): Promise<Taken> {
    const { signal = options.signal } = call;
    const tries = (call.repeatable ?? call.route.method === "GET") ? retries + 1 : 1;
    for (let nth = 1; ; nth++) {
      const last = nth >= tries;
      try {
        const response = await attempt(call);
        const { statusCode: status = 0, headers } = response;
        if (status >= 200 && status < 300) return await take(response, signal);
        const body = await textOf(response);
        if (last || !isPassing(status)) throw refusal(response, body, call.route);
        await wait(signal, nth, Number(headers["retry-after"]) * 1000);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (!isNetworkFault(error)) throw error;
        debug(`< ${error.message || error.name}`);
        if (last) throw networkFailure(error, base.origin, timeoutMs);
        await wait(signal, nth);
      }
    }
  }

  async function wait(signal: AbortSignal, nth: number, asked = 0): Promise<void> {
    const ms = Math.min(longestPauseMs, Math.max(firstPauseMs * 2 ** (nth - 1), asked || 0));
    debug(`- again in about ${Math.round(ms)} ms`);
    await pause(ms * (0.75 + Math.random() / 2), signal);
  }

  /** A body that breaks off is a fault of the network, too. */
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

function isNetworkFault(error: unknown): error is Error {
  return error instanceof Error && error.name !== "Failure";
}

function shown(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `\n>   ${name}: ${value}`)
    .join("");
}
