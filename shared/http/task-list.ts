import type { Order, PieceReader, Scope, TaskStore } from "../../task-state/index.ts";
import type { Answer } from "./answer.ts";

interface ListInput {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly order?: Order | undefined;
}

const defaultLimit = 1000;

/**
 * `{"tasks": […]}` with the records as stored; with any paging input also `next_cursor` where more follow. Without one
 * the whole list, as clients of old expect. What does not fit into one piece is sent as it is read.
 */
export async function answerList(store: TaskStore, scope: Scope, input: ListInput): Promise<Answer> {
  const { next, isOver } = listText(store.pieces(scope, pageOf(input)));
  // The first piece is awaited here, so that a lost Redis is still a 503 and a short list goes out as one text.
  const first = (await next()) ?? "";
  if (isOver()) return { status: 200, body: first };
  return { status: 200, body: { first, next } };
}

function pageOf({ limit, cursor, order }: ListInput) {
  if (limit === undefined && cursor === undefined && (order ?? "asc") === "asc") return undefined;
  return { limit: limit ?? defaultLimit, order: order ?? "asc", ...(cursor === undefined ? {} : { cursor }) };
}

/** The text of a list, a part for each piece. */
function listText(read: PieceReader) {
  let opening = `{"tasks":[`;
  let separator = "";
  let over = false;
  return {
    isOver: () => over,
    async next(): Promise<string | undefined> {
      const piece = await read();
      if (!piece) return undefined;
      const { tasks, nextCursor, last } = piece;
      const cursorText = nextCursor === undefined ? "" : `,"next_cursor":"${nextCursor}"`;
      const text = opening + (tasks.length > 0 ? separator : "") + tasks.join(",") + (last ? `]${cursorText}}` : "");
      opening = "";
      if (tasks.length > 0) separator = ",";
      over = last;
      return text;
    },
  };
}
