/** https://www.w3.org/TR/trace-context/#traceparent-header, including later versions. */
const traceparent = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]{1,64})?$/;

/** The W3C trace context of a request; `undefined` when it is missing or invalid. */
export function traceOf(headers: Readonly<Record<string, string | string[] | undefined>>): string | undefined {
  const { traceparent: given } = headers;
  return typeof given === "string" && traceparent.test(given) ? given : undefined;
}
