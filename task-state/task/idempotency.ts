import { createHash } from "node:crypto";
import type { Owner, Parameters } from "../record/record.ts";
import { keys } from "../redis/keys.ts";

/** The longest idempotency key, in bytes of UTF-8. */
export const maxIdempotencyKeyBytes = 255;

/** The Redis key that remembers an owner's idempotency key. */
export function idempotencyKey({ service, user }: Owner, key: string): string {
  // A digest, because the three texts may contain any separator.
  return keys.idempotency(digest([service, user, key]));
}

/** A digest that two sets of parameters share only if they are equal, in any order. */
export function parametersDigest(parameters: Parameters): string {
  return digest(Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("base64url");
}
