import { readFileSync } from "node:fs";
import { type AgentOptions, Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { usageFailure } from "../exit-code.ts";
import { NoAnswer } from "./no-answer.ts";

/** One request, as it goes over the wire. */
export interface WireRequest {
  readonly method: string;
  /** Path and query, encoded. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Sends requests to one origin over connections that it keeps. */
export interface Transport {
  /** Resolves with the head of the answer. Rejects on a fault of the network, and when nothing moves for the timeout. */
  send(request: WireRequest): Promise<IncomingMessage>;
  close(): void;
}

export interface TransportOptions {
  readonly origin: URL;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A file of certificates to trust beside the usual ones. */
  readonly caBundle?: string | undefined;
}

/** Opens a transport: HTTP or HTTPS by the origin, through the proxy that the environment names, if any. */
export async function openTransport({ origin, env, caBundle }: TransportOptions): Promise<Transport> {
  const options: AgentOptions = { keepAlive: true, maxSockets: 8, proxyEnv: { ...env } };
  const secure = origin.protocol === "https:";
  // TLS takes as long to load as everything else here together.
  const https = secure ? await import("node:https") : undefined;
  const agent = https ? new https.Agent({ ...options, ...(await trust(caBundle)) }) : new HttpAgent(options);
  const open = https ? https.request : requestHttp;
  const place = {
    protocol: origin.protocol,
    hostname: origin.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: origin.port,
    ...(origin.username === "" ? {} : { auth: decodeURIComponent(`${origin.username}:${origin.password}`) }),
  };
  return {
    send: ({ method, target, headers, body, timeoutMs, signal }) =>
      new Promise((resolve, reject) => {
        const request = open({ ...place, agent, method, path: target, headers: { ...headers }, signal });
        let deadline: NodeJS.Timeout | undefined;
        const start = () => {
          deadline = setTimeout(() => request.destroy(new NoAnswer()), timeoutMs);
        };
        // The server has nothing to do with how long a request waits for its turn.
        if (Object.keys(agent.requests).length > 0) request.once("socket", start);
        else start();
        request.once("response", (response: IncomingMessage) => {
          clearTimeout(deadline);
          response.setTimeout(timeoutMs, () => response.destroy(new NoAnswer()));
          resolve(response);
        });
        request.once("error", (error) => {
          clearTimeout(deadline);
          reject(error);
        });
        request.end(body);
      }),
    close: () => agent.destroy(),
  };
}

async function trust(caBundle: string | undefined): Promise<{ ca?: string[] }> {
  if (caBundle === undefined || caBundle === "") return {};
  try {
    const own = readFileSync(caBundle, "utf8");
    const { X509Certificate } = await import("node:crypto");
    // OpenSSL takes a file that holds no certificate without a word.
    new X509Certificate(own);
    const { getCACertificates, rootCertificates } = await import("node:tls");
    return { ca: [...(getCACertificates?.() ?? rootCertificates), own] };
  } catch (error) {
    throw usageFailure(`DMS_CLI_CA_BUNDLE cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
