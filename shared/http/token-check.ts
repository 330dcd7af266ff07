import { createHash, timingSafeEqual } from "node:crypto";

/** True for a header value that is one of the tokens. */
export type TokenCheck = (given: string | string[] | undefined) => boolean;

/** Creates a constant-time comparison of a header with several tokens; an empty or missing value is never one of them. */
export function createTokenCheck(tokens: readonly string[]): TokenCheck {
  const digests = tokens.map((token) => digest(token));
  return (given) => {
    if (typeof given !== "string" || given === "") return false;
    // Node reads header bytes as Latin-1; the tokens were configured as UTF-8.
    const candidate = digest(Buffer.from(given, "latin1"));
    let valid = false;
    for (const expected of digests) valid = timingSafeEqual(candidate, expected) || valid;
    return valid;
  };
}

function digest(token: string | Buffer): Buffer {
  return createHash("sha256").update(token).digest();
}
