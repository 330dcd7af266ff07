import type { Order, PieceReader, Scope, TaskStore } from "../../task-state/index.ts";
import { type Answer, unreadableHeader } from "./answer.ts";

interface ListInput {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly order?: Order | undefined;
}

const defaultLimit = 1000;

function headersFor(unreadable = 0): Pick<Answer, "headers"> {
  return unreadable > 0 ? { headers: { [unreadableHeader]: String(unreadable) } } : {};
}

/**
 * `{"tasks": […]}` with the records as stored; with any paging input also `next_cursor` when more tasks follow. Without
 * paging input, the whole list, as existing clients expect. A list longer than one piece is sent as it is read.
 */
export async function answerList(store: TaskStore, scope: Scope, input: ListInput): Promise<Answer> {
  const { next, isOver, unreadable } = listText(store.pieces(scope, pageOf(input)));
  // The first piece is awaited here, so that an unavailable Redis is a 503 and a short list is sent as one text.
  const first = (await next()) ?? "";
  const headers = headersFor(unreadable());
  if (isOver()) return { status: 200, body: first, ...headers };
  // Later pieces can only be counted after the body.
  const trailers = { [unreadableHeader]: () => String(unreadable()) };
  return { status: 200, body: { first, next }, ...headers, trailers };
}

function pageOf({ limit, cursor, order }: ListInput) {
  if (limit === undefined && cursor === undefined && (order ?? "asc") === "asc") return undefined;
  return { limit: limit ?? defaultLimit, order: order ?? "asc", ...(cursor === undefined ? {} : { cursor }) };
}

/** The text of a list, one part for each piece. */
function listText(read: PieceReader) {
  let opening = `{"tasks":[`;
  let separator = "";
  let over = false;
  let unreadable = 0;
  return {
    isOver: () => over,
    /** Number of unreadable tasks in the pieces so far. */
    unreadable: () => unreadable,
    async next(): Promise<string | undefined> {
      const piece = await read();
      if (!piece) return undefined;
      const { tasks, nextCursor, last } = piece;
      unreadable += piece.unreadable ?? 0;
      const cursorText = nextCursor === undefined ? "" : `,"next_cursor":${JSON.stringify(nextCursor)}`;
      const text = opening + (tasks.length > 0 ? separator : "") + tasks.join(",") + (last ? `]${cursorText}}` : "");
      opening = "";
      if (tasks.length > 0) separator = ",";
      over = last;
      return text;
    },
  };
}
