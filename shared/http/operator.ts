import { createHash, timingSafeEqual } from "node:crypto";
import { type Answer, problem } from "./answer.ts";

/** The answer to a wrong, empty or missing operator token. */
export const invalidToken: Answer = problem(401, "Invalid operator token");

/** Makes a check of X-Operator-Token against several tokens; its time depends on none of them. */
export function operatorCheck(tokens: readonly string[]): (given: string | string[] | undefined) => boolean {
  const digests = tokens.map(digest);
  return (given) => {
    if (typeof given !== "string" || given === "") return false;
    const candidate = digest(given);
    let valid = false;
    for (const expected of digests) valid = timingSafeEqual(candidate, expected) || valid;
    return valid;
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
