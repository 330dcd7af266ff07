import { CloudEvent, HTTP, ValidationError } from "cloudevents";

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * The error in a CloudEvent in binary, structured or batched mode; `undefined` when it is valid, or when the request is
 * not a CloudEvent. The event itself is not used: it only signals that there may be work.
 */
export function cloudEventFault(headers: Headers, body: string): string | undefined {
  if (!claimsToBeEvent(headers)) return undefined;
  try {
    for (const event of [HTTP.toEvent({ headers: { ...headers }, body })].flat()) {
      if (event instanceof CloudEvent) event.validate();
    }
    return undefined;
  } catch (error) {
    if (error instanceof ValidationError) return faultsOf(error).join("; ") || error.message;
    return error instanceof SyntaxError ? error.message : "it cannot be read";
  }
}

/** The schema errors of an event, without the schema. */
function faultsOf({ errors }: ValidationError): string[] {
  return (errors ?? []).flatMap((fault) => (typeof fault === "string" ? fault : (fault.message ?? [])));
}

function claimsToBeEvent(headers: Headers): boolean {
  const type = headers["content-type"];
  return "ce-id" in headers || "ce-specversion" in headers || String(type).startsWith("application/cloudevents");
}
