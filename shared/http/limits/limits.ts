/** The longest body, where a route does not say otherwise. In bytes. */
export const bodyLimit = 64 * 1024;

/** What a server lets its clients occupy; a test that must not wait gives smaller figures. */
export interface Limits {
  /** How long a request may take to arrive, in ms. */
  readonly requestMs: number;
  /** How long a client may take nothing of its answer before its connection is closed, in ms. */
  readonly stalledMs: number;
  /** Answers at once that are too long to be written whole. */
  readonly longAnswers: number;
  /** Bytes of all bodies that are arriving. */
  readonly bodyBytes: number;
  /** Requests that wait on one connection for the answer to an earlier one. */
  readonly pipelined: number;
}

export const defaultLimits: Limits = {
  requestMs: 30_000,
  stalledMs: 30_000,
  longAnswers: 256,
  bodyBytes: 32 * 1024 * 1024,
  pipelined: 32,
};
