import { BlockList } from "node:net";
import { type Config, ConfigError, variables } from "../config.ts";
import type { HttpFunction } from "../http/function.ts";

/** Minimum length of an operator token on a public address, in characters. */
export const minTokenLength = 16;

/**
 * Refuses to serve operator endpoints with a weak token, unless only this machine can reach them. A process without
 * operator endpoints may run with any token.
 * @throws ConfigError with the remedy
 */
export function checkExposure(config: Config, functions: readonly HttpFunction[]): void {
  const needsToken = functions.some(({ endpoint }) => endpoint.auth === "operator");
  if (!needsToken || isLoopback(config.host) || !config.operatorTokens.some(isWeakToken)) return;
  const { operatorTokens, host } = variables;
  throw new ConfigError([
    `${operatorTokens.name}: every token must have at least ${minTokenLength} characters and must not be the default when ` +
      `other machines can reach the operator endpoints (${host.name}=${config.host}). Set a token, for example from ` +
      `\`openssl rand -hex 32\`, or listen on 127.0.0.1`,
  ]);
}

/** True for a weak token: the default or a short one. */
export function isWeakToken(token: string): boolean {
  return token.length < minTokenLength || token === variables.operatorTokens.default;
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** True for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || loopback.check(host, host.includes(":") ? "ipv6" : "ipv4");
}
