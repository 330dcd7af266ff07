/** The trace id of a W3C `traceparent`; `undefined` without one. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent?.split("-")[1];
}
