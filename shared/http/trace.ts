/** https://www.w3.org/TR/trace-context/#traceparent-header, with room for later versions. */
const traceparent = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]{1,64})?$/;

/** The W3C trace context that a request came with; `undefined` where there is none or it is not valid. */
export function traceOf(headers: Readonly<Record<string, string | string[] | undefined>>): string | undefined {
  const { traceparent: given } = headers;
  return typeof given === "string" && traceparent.test(given) ? given : undefined;
}
