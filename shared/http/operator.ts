import { type Answer, problem } from "./answer.ts";

/** The answer to a wrong, empty or missing operator token. */
export const invalidToken: Answer = problem(401, "Invalid operator token");
