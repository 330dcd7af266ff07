import type { Endpoint } from "../../api/endpoint.ts";

/** Maximum length of a body unless the route sets another one. In bytes. */
export const bodyLimit = 64 * 1024;

/** The same for a body that a function reads. Fits the largest parameters with each byte escaped. In bytes. */
const wantedBodyLimit = 512 * 1024;

/** Maximum length of the body of an endpoint's requests. In bytes. */
export function bodyLimitOf({ readsBody }: Pick<Endpoint, "readsBody">): number {
  return readsBody ? wantedBodyLimit : bodyLimit;
}

/** Limits on what clients may occupy of a server; tests that must not wait set smaller ones. */
export interface Limits {
  /** Maximum time for a request to arrive, in ms. */
  readonly requestMs: number;
  /** Time after which a connection is closed whose client reads nothing of its answer, in ms. */
  readonly stalledMs: number;
  /** Concurrent answers that are too long to be written at once. */
  readonly longAnswers: number;
  /** Bytes of all bodies in transit. */
  readonly bodyBytes: number;
  /** Requests on one connection that wait for the answer to an earlier one. */
  readonly pipelined: number;
}

export const defaultLimits: Limits = {
  requestMs: 30_000,
  stalledMs: 30_000,
  longAnswers: 256,
  bodyBytes: 32 * 1024 * 1024,
  pipelined: 32,
};
