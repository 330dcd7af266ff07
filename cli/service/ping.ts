import type { Command } from "commander";
import { endpoints } from "../../shared/api/endpoints.ts";
import { maskUrl } from "../../shared/mask.ts";
import { addTokenOptions, type TokenOptions, tokenInEnvironment, tokenReader } from "../admin/operator.ts";
import { describeCommand, type Host } from "../command.ts";
import { exitCodes, Failure } from "../exit-code.ts";
import { outputOption } from "../options.ts";
import { pairLines } from "../output/table.ts";
import { sanitize } from "../output/width.ts";
import { isObject, parseObject } from "../request/answers.ts";
import type { Client } from "../request/client.ts";
import type { Route } from "../request/route.ts";
import { performRemotely } from "../session.ts";

/** `ping` */
export function pingCommand(host: Host): Command {
  const command = describeCommand("ping", {
    summary: "Check the API, Redis and the dispatcher, and measure the round trip time",
    examples: [
      ["the default address", "dms-frontend ping"],
      [
        "wait in a script until a service has started",
        "until dms-frontend ping --output json >/dev/null 2>&1; do sleep 1; done",
      ],
    ],
  });
  addTokenOptions(command).addOption(outputOption(["table", "json", "jsonl"]));
  return performRemotely<TokenOptions>(
    host,
    command,
    async (session, options) => {
      const { client, line, format, paint } = session;
      const { failure } = await query(client, endpoints.health);
      const redisError = failure && redisErrorOf(failure);
      if (failure && redisError === undefined) throw failure;
      const started = performance.now();
      // Over the same connection, so that the time to connect does not count.
      await query(client, endpoints.health);
      const milliseconds = Math.round((performance.now() - started) * 10) / 10;
      const hasToken = options.tokenStdin || options.tokenFile || tokenInEnvironment(session.shell);
      const dispatch: Query = hasToken && !redisError ? await query(client, endpoints.adminDispatchState) : {};
      if (format !== "table") {
        const dispatcher = dispatch.fields ?? dispatch.failure?.message ?? null;
        await line(JSON.stringify({ api: "ok", redis: redisError ?? "ok", dispatcher, round_trip_ms: milliseconds }));
      } else {
        const shown: [string, string][] = [
          ["API", `${paint("green", "ok")}  ${sanitize(maskUrl(client.base.origin.href))}`],
          ["Redis", redisError === undefined ? paint("green", "ok") : paint("red", sanitize(redisError))],
          ["dispatcher", redisError === undefined ? dispatcherText(dispatch) : "unknown without Redis"],
          ["round trip", `${milliseconds} ms`],
        ];
        await line(pairLines(shown, paint).join("\n"));
      }
      if (redisError !== undefined) return exitCodes.unavailable;
      // A dispatcher whose state is unknown is not an error of the API; a wrong token is an error of the caller.
      return dispatch.failure?.exitCode === exitCodes.denied ? exitCodes.denied : exitCodes.done;
    },
    tokenReader,
  );
}

interface Query {
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly failure?: Failure;
}

async function query(client: Client, route: Route): Promise<Query> {
  try {
    return { fields: parseObject(await client.text({ route, values: {}, idempotent: false })) };
  } catch (error) {
    if (error instanceof Failure) return { failure: error };
    throw error;
  }
}

/** The Redis error in the answer of the API; `undefined` for another failure. */
function redisErrorOf({ answer }: Failure): string | undefined {
  try {
    const { redis } = parseObject(answer ?? "");
    if (!isObject(redis) || redis.connected !== false) return undefined;
    return typeof redis.message === "string" ? redis.message : "not connected";
  } catch {
    return undefined;
  }
}

function dispatcherText({ fields, failure }: Query): string {
  if (failure) return sanitize(failure.message);
  if (!fields) return "unknown without an operator token";
  const { state = "running", waiting, in_flight, dispatchers } = fields;
  const number = Array.isArray(dispatchers) ? `, ${dispatchers.length} dispatchers` : "";
  return sanitize(`${state}, ${waiting ?? "?"} waiting, ${in_flight ?? "?"} in flight${number}`);
}
