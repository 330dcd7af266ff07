/** The used part of an HTTP API event, payload format 2.0; the rest is passed on. */
export interface HttpApiEvent {
  readonly version?: string;
  readonly rawPath?: string;
  readonly rawQueryString?: string;
  readonly queryStringParameters?: unknown;
}

/** Characters that an encoded path cannot contain. An HTTP API decodes the path; function URLs and test tools do not. */
const neverEncodedPath = /%(?![0-9A-Fa-f]{2})|[^!$%&'()*+,\-./0-9:;=@A-Z_a-z~]/gu;

/** The request target that the client sent, as far as the event preserves it. */
export function targetOf({ rawPath = "/", rawQueryString = "" }: HttpApiEvent): string {
  const path = rawPath.toWellFormed().replaceAll(neverEncodedPath, encodeURIComponent);
  return rawQueryString === "" ? path : `${path}?${rawQueryString}`;
}
