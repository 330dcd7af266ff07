import { request } from "node:http";
import { text } from "node:stream/consumers";

export interface SuiteRequest {
  readonly method: string;
  /** Path and query, exactly as sent. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface SuiteAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** A runtime of the functions, as the suite uses it. */
export interface Runtime {
  send(request: SuiteRequest): Promise<SuiteAnswer>;
  /** Triggers the dispatcher, as the runtime's own trigger does. */
  wake?(): Promise<void>;
  stop(): Promise<void>;
}

/** The start options of a runtime. */
export interface SuiteSettings {
  readonly redisUrl: string;
  readonly schedulerUrl: string;
}

/** A token that any runtime accepts. */
export const operatorToken = "operator-token-of-the-suite";

/** Settings that are the same for every runtime. */
export function environmentOf({ redisUrl, schedulerUrl }: SuiteSettings): Record<string, string> {
  return {
    DMS_REDIS_WRITE_URL: redisUrl,
    DMS_SCHEDULER_BASE_URL: schedulerUrl,
    DMS_OPERATOR_TOKEN: operatorToken,
    DMS_CLI_DEFAULT_HOST: "127.0.0.1",
    DMS_CLI_DEFAULT_PORT: "0",
    DMS_SHUTDOWN_GRACE_SECONDS: "1",
    DMS_LOG_LEVEL: "WARNING",
    DMS_CORS_ORIGINS: "https://portal.example",
  };
}

/** Sends requests to a listening runtime; the target is sent byte for byte. */
export function overHttp(address: string): Runtime["send"] {
  const { hostname, port } = new URL(address);
  return ({ method, target, headers = {}, body }) =>
    new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
      const options = { hostname, port, method, path: target, headers: { ...headers, ...length }, agent: false };
      const sent = request(options, async (answer) => {
        const { statusCode = 0 } = answer;
        resolve({ status: statusCode, headers: answer.headers, text: await text(answer) });
      });
      sent.on("error", reject);
      sent.end(body);
    });
}
