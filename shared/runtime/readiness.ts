import type { FastifyInstance } from "fastify";
import { missingRights, type Role } from "../../task-state/index.ts";
import { type Answer, json, problem, withRetryAfter } from "../http/answer.ts";
import type { Services } from "../services.ts";
import { askedRoles } from "./rights.ts";

/** Why Redis does not serve this process yet, as text for an operator; `undefined` when it does. May throw without Redis. */
type Check = (services: Services, roles: readonly Role[]) => Promise<string | undefined>;

/** What Redis must have answered once before a process takes requests. Each check costs one round trip. */
const checks: readonly Check[] = [hasRights];

/** Whether a process may take requests. */
export interface Readiness {
  /**
   * Why the process is not ready. `undefined` once Redis has passed all checks, and from then on always: an outage of Redis
   * must not take every process out of service, because clients would get the gateway's error instead of ours.
   */
  fault(): Promise<string | undefined>;
}

/** The readiness of a process with these roles. Concurrent calls share one check. */
export function createReadiness(services: Services, roles: readonly Role[]): Readiness {
  let ready = false;
  let checking: Promise<string | undefined> | undefined;

  async function check(): Promise<string | undefined> {
    try {
      for (const each of checks) {
        const fault = await each(services, roles);
        if (fault !== undefined) return fault;
      }
      ready = true;
      return undefined;
    } catch {
      // The log has the cause, which may name hosts that callers need not know.
      return "Redis has not answered yet, or refuses the password";
    } finally {
      checking = undefined;
    }
  }

  return {
    async fault() {
      if (ready) return undefined;
      checking ??= check();
      return checking;
    },
  };
}

async function hasRights({ redis, config }: Services, roles: readonly Role[]): Promise<string | undefined> {
  const missing = await missingRights(redis.primary, askedRoles(config, roles));
  return missing.length === 0 ? undefined : "The Redis user lacks rights; the log names them";
}

/** The path at which every HTTP process of ours answers whether it may take requests. */
export const readinessPath = "/readyz";

/** The answer at that path: 503 with the reason why the process is not ready, else 200. */
export function readinessAnswer(fault: string | undefined): Answer {
  return fault === undefined ? json(200, { status: "ok" }) : withRetryAfter(problem(503, fault));
}

/** Adds `/readyz`: 503 with the reason until the process is {@link Readiness ready}, then 200. */
export function addReadiness(app: FastifyInstance, services: Services, roles: readonly Role[]): void {
  const readiness = createReadiness(services, roles);
  app.get(readinessPath, { logLevel: "silent" }, async (_request, reply) => {
    const { status, body, headers = {} } = readinessAnswer(await readiness.fault());
    return reply.code(status).headers(headers).header("content-type", "application/json; charset=utf-8").send(body);
  });
}
