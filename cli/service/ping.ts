import type { Command } from "commander";
import { endpoints } from "../../shared/api/endpoints.ts";
import { maskUrl } from "../../shared/mask.ts";
import { addTokenOptions, type TokenOptions, tokenInEnvironment, tokenReader } from "../admin/operator.ts";
import { describeCommand, type Host } from "../command.ts";
import { exitCodes, Failure } from "../exit-code.ts";
import { outputOption } from "../options.ts";
import { pairLines } from "../output/table.ts";
import { tame } from "../output/width.ts";
import { isObject, parseObject } from "../request/answers.ts";
import type { Client } from "../request/client.ts";
import type { Route } from "../request/route.ts";
import { performRemotely } from "../session.ts";

/** `ping` */
export function pingCommand(host: Host): Command {
  const command = describeCommand("ping", {
    summary: "Ask whether API, Redis and dispatcher are there, and how long an answer takes",
    examples: [
      ["the usual address", "dms-frontend ping"],
      [
        "until a service has started, in a script",
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
      const { fault } = await look(client, endpoints.health);
      const away = fault && redisFault(fault);
      if (fault && away === undefined) throw fault;
      const started = performance.now();
      // Over the same connection: what counts is the way there and back, not how long connecting takes.
      await look(client, endpoints.health);
      const milliseconds = Math.round((performance.now() - started) * 10) / 10;
      const hasToken = options.tokenStdin || options.tokenFile || tokenInEnvironment(session.shell);
      const dispatch: Look = hasToken && !away ? await look(client, endpoints.adminDispatchState) : {};
      if (format !== "table") {
        const dispatcher = dispatch.fields ?? dispatch.fault?.message ?? null;
        await line(JSON.stringify({ api: "ok", redis: away ?? "ok", dispatcher, round_trip_ms: milliseconds }));
      } else {
        const shown: [string, string][] = [
          ["API", `${paint("green", "ok")}  ${tame(maskUrl(client.base.origin.href))}`],
          ["Redis", away === undefined ? paint("green", "ok") : paint("red", tame(away))],
          ["dispatcher", away === undefined ? dispatcherText(dispatch) : "unknown without Redis"],
          ["round trip", `${milliseconds} ms`],
        ];
        await line(pairLines(shown, paint).join("\n"));
      }
      if (away !== undefined) return exitCodes.unavailable;
      // A dispatcher that cannot be asked is no fault of the API; a wrong token is the caller's.
      return dispatch.fault?.exitCode === exitCodes.denied ? exitCodes.denied : exitCodes.done;
    },
    tokenReader,
  );
}

interface Look {
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly fault?: Failure;
}

async function look(client: Client, route: Route): Promise<Look> {
  try {
    return { fields: parseObject(await client.text({ route, values: {}, repeatable: false })) };
  } catch (error) {
    if (error instanceof Failure) return { fault: error };
    throw error;
  }
}

/** What an API that answers says of a Redis that does not; `undefined` where the fault is another. */
function redisFault({ answer }: Failure): string | undefined {
  try {
    const { redis } = parseObject(answer ?? "");
    if (!isObject(redis) || redis.connected !== false) return undefined;
    return typeof redis.message === "string" ? redis.message : "not connected";
  } catch {
    return undefined;
  }
}

function dispatcherText({ fields, fault }: Look): string {
  if (fault) return tame(fault.message);
  if (!fields) return "unknown without an operator token";
  const { state = "running", waiting, in_flight, dispatchers } = fields;
  const number = Array.isArray(dispatchers) ? `, ${dispatchers.length} at work` : "";
  return tame(`${state}, ${waiting ?? "?"} waiting, ${in_flight ?? "?"} in flight${number}`);
}
