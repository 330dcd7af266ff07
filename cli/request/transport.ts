import { readFileSync } from "node:fs";
import { type AgentOptions, Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { usageFailure } from "../exit-code.ts";
import { NoAnswer } from "./no-answer.ts";

/** One HTTP request. */
export interface WireRequest {
  readonly method: string;
  /** Path and query, encoded. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Sends requests to one origin over persistent connections. */
export interface Transport {
  /** Resolves with the head of the answer. Rejects on a network error, and when nothing arrives within the timeout. */
  send(request: WireRequest): Promise<IncomingMessage>;
  close(): void;
}

export interface TransportOptions {
  readonly origin: URL;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A file of certificates to trust in addition to the default ones. */
  readonly caBundle?: string | undefined;
}

/** Opens a transport: HTTP or HTTPS by the origin, through the proxy that the environment names, if any. */
export async function openTransport({ origin, env, caBundle }: TransportOptions): Promise<Transport> {
  const options: AgentOptions = { keepAlive: true, maxSockets: 8, proxyEnv: { ...env } };
  const secure = origin.protocol === "https:";
  // The TLS module takes as long to load as everything else together.
  const https = secure ? await import("node:https") : undefined;
  const agent = https ? new https.Agent({ ...options, ...(await trust(caBundle)) }) : new HttpAgent(options);
  const open = https ? https.request : requestHttp;
  const target = {
    protocol: origin.protocol,
    hostname: origin.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: origin.port,
    ...(origin.username === "" ? {} : { auth: decodeURIComponent(`${origin.username}:${origin.password}`) }),
  };
  return {
    send: ({ method, target: path, headers, body, timeoutMs, signal }) =>
      new Promise((resolve, reject) => {
        const request = open({ ...target, agent, method, path, headers: { ...headers }, signal });
        let deadline: NodeJS.Timeout | undefined;
        const start = () => {
          deadline = setTimeout(() => request.destroy(new NoAnswer()), timeoutMs);
        };
        // The time that a request waits for a connection does not count.
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
    // OpenSSL silently accepts a file without a certificate.
    new X509Certificate(own);
    const { getCACertificates, rootCertificates } = await import("node:tls");
    return { ca: [...(getCACertificates?.() ?? rootCertificates), own] };
  } catch (error) {
    throw usageFailure(
      `could not read the certificates of DMS_CLI_CA_BUNDLE: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
