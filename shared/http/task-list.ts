import type { Order, Scope, TaskStore } from "../../task-state/index.ts";
import type { Answer } from "./answer.ts";

interface ListInput {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly order?: Order | undefined;
}

const defaultLimit = 1000;

/**
 * `{"tasks": […]}` with the records as stored; with any paging input also `next_cursor` where more follow.
 * Without one the whole list, as clients of old expect, sent in pieces as it is read.
 */
export async function answerList(store: TaskStore, scope: Scope, input: ListInput): Promise<Answer> {
  const { limit, cursor, order } = input;
  if (limit === undefined && cursor === undefined && (order ?? "asc") === "asc") return wholeList(store, scope);
  const page = await store.page(scope, {
    limit: limit ?? defaultLimit,
    order: order ?? "asc",
    ...(cursor === undefined ? {} : { cursor }),
  });
  const next = page.nextCursor === undefined ? "" : `,"next_cursor":"${page.nextCursor}"`;
  return { status: 200, body: `{"tasks":[${page.tasks.join(",")}]${next}}` };
}

async function wholeList(store: TaskStore, scope: Scope): Promise<Answer> {
  const pieces = store.all(scope);
  // The first two pieces are awaited here, so that a lost Redis is still a 503 and a short list goes out in one piece.
  const first = await pieces.next();
  if (first.done) return { status: 200, body: `{"tasks":[]}` };
  const second = await pieces.next();
  if (second.done) return { status: 200, body: `{"tasks":[${first.value.join(",")}]}` };
  return { status: 200, body: listText([first.value, second.value], pieces) };
}

async function* listText(read: string[][], rest: AsyncIterable<string[]>): AsyncGenerator<string, void> {
  let separator = `{"tasks":[`;
  for (const piece of read) {
    if (piece.length === 0) continue;
    yield separator + piece.join(",");
    separator = ",";
  }
  for await (const piece of rest) {
    if (piece.length === 0) continue;
    yield separator + piece.join(",");
    separator = ",";
  }
  yield separator === "," ? "]}" : `${separator}]}`;
}
