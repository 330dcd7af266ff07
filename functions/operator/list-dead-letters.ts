import { endpoints } from "../../shared/api/endpoints.ts";
import { json } from "../../shared/http/answer.ts";
import { httpFunction } from "../../shared/http/function.ts";
import { readDeadLetters } from "../../task-state/index.ts";

const defaultLimit = 100;

export default httpFunction(endpoints.adminListDeadLetters, async ({ input }, { context }) => {
  const { letters, nextCursor } = await readDeadLetters(context.primary, input.limit ?? defaultLimit, input.cursor);
  return json(200, { dead_letters: letters, ...(nextCursor === undefined ? {} : { next_cursor: nextCursor }) });
});
