import { createHash, timingSafeEqual } from "node:crypto";
import { type Answer, problem } from "./answer.ts";

/** The answer to a wrong, empty or missing operator token. */
export const invalidToken: Answer = problem(401, "Invalid operator token");

/** Creates a constant-time check of X-Operator-Token against several tokens. */
export function operatorCheck(tokens: readonly string[]): (given: string | string[] | undefined) => boolean {
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
