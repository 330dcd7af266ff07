import type { Order, Scope, Tally, TaskStore } from "../../task-state/index.ts";
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
  return { status: 200, body: `{"tasks":[${page.tasks.join(",")}]${next}}`, ...headersFor(page.unreadable) };
}

async function wholeList(store: TaskStore, scope: Scope): Promise<Answer> {
  const tally: Tally = { unreadable: 0 };
  const pieces = store.all(scope, tally);
  // The first two pieces are awaited here, so that a lost Redis is still a 503 and a short list goes out in one piece.
  const first = await pieces.next();
  if (first.done) return { status: 200, body: `{"tasks":[]}` };
  const second = await pieces.next();
  const headers = headersFor(tally.unreadable);
  if (second.done) return { status: 200, body: `{"tasks":[${first.value.join(",")}]}`, ...headers };
  // What comes later can only be counted behind the body.
  const trailers = { [unreadableHeader]: () => String(tally.unreadable) };
  return { status: 200, body: listText([first.value, second.value], pieces), ...headers, trailers };
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
