import { missingRights, type Role } from "../../task-state/index.ts";
import type { Config } from "../config.ts";
import type { HttpFunction } from "../http/function.ts";
import type { Services } from "../services.ts";

/** What HTTP functions do with Redis. */
export function rolesOf(functions: readonly HttpFunction[]): Role[] {
  const changes = functions.some(({ endpoint }) => endpoint.method !== "GET");
  return changes ? ["read", "change"] : ["read"];
}

/** The roles of a process, with what its configuration adds to those of its functions. */
export function askedRoles({ redisWaitReplicas }: Config, roles: readonly Role[]): Role[] {
  return redisWaitReplicas > 0 ? [...roles, "replicate"] : [...roles];
}

/**
 * Logs in one line which rights the Redis user of this process lacks, at the start and after each reconnect. Nothing waits
 * for it: a function without all rights still starts, and requests that need a missing right are answered with 503.
 */
export function reportMissingRights({ redis, config, log }: Services, roles: readonly Role[]): void {
  const { primary } = redis;
  const asked = askedRoles(config, roles);
  const report = async () => {
    try {
      const missing = await missingRights(primary, asked);
      if (missing.length > 0) log.error({ missing }, message);
    } catch {
      // Checked again after the next reconnect.
    }
  };
  primary.on("ready", report);
  if (primary.status === "ready") void report();
}

const message =
  "the Redis user of this process lacks rights: Redis refuses commands that need them. Keys that a script names must be readable and writable";
