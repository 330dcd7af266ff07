import { setTimeout as pause } from "node:timers/promises";
import { acceptedId } from "../checker/shown.ts";
import type { Random } from "../support/random.ts";
import type { Answered, Recorder } from "./recorder.ts";

/** Longer than any answer takes whose process lives, in ms. */
const requestTimeout = 10_000;

/** The service as users and operators reach it: answers with their status, or the reason why there was none. */
export interface Door {
  /** False while no process of the API runs. */
  isOpen(): boolean;
  submit(actor: string, user: string, parameters: Readonly<Record<string, string>>): Promise<Answered>;
  get(actor: string, task: Ticket): Promise<Answered>;
  cancel(actor: string, task: Ticket): Promise<Answered>;
  delete(actor: string, task: Ticket): Promise<Answered>;
  list(actor: string, user: string): Promise<Answered>;
  /** All tasks of everybody, for an operator. */
  listAll(actor: string): Promise<Answered>;
}

export interface Ticket {
  readonly id: string;
  readonly user: string;
}

/** Refuses connections. */
const nowhere = "http://127.0.0.1:1";

/** A door whose every use is recorded. `address` is asked anew for each request; empty: nobody is there. */
export function openDoor(recorder: Recorder, address: () => string): Door {
  const send = async (method: string, path: string, headers: Record<string, string> = {}): Promise<Answered> => {
    try {
      const signal = AbortSignal.timeout(requestTimeout);
      const response = await fetch(`${address() || nowhere}/api/v1${path}`, { method, headers, signal });
      const text = await response.text();
      return { status: response.status, body: parse(text) };
    } catch (error) {
      return { lost: reasonOf(error) };
    }
  };
  const onTask = (verb: string, method: string, end = "") => {
    return (actor: string, { id, user }: Ticket) =>
      recorder.act(actor, verb, { task: id, user }, () =>
        send(method, `/services/sync/tasks/${id}${end}?user_id=${encodeURIComponent(user)}`),
      );
  };
  return {
    isOpen: () => address() !== "",
    submit: (actor, user, parameters) =>
      recorder.act(actor, "submit", { user, parameters }, () =>
        send("POST", `/services/sync/users/${user}/tasks?${new URLSearchParams(parameters)}`),
      ),
    get: onTask("get", "GET"),
    cancel: onTask("cancel", "POST", "/cancel"),
    delete: onTask("delete", "DELETE"),
    list: (actor, user) =>
      recorder.act(actor, "list", { user }, () => send("GET", `/services/sync/users/${user}/tasks`)),
    listAll: (actor) =>
      recorder.act(actor, "list all", {}, () => send("GET", "/admin/tasks", { "x-operator-token": "changeme" })),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.slice(0, 500);
  }
}

function reasonOf(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: { code?: string } };
  return cause?.code ?? name ?? String(error);
}

export interface UserOptions {
  readonly door: Door;
  readonly random: Random;
  /** What the user is called, in the history and in tasks. */
  readonly name: string;
  /** Everybody's tasks, to which the user adds: anybody who knows id and user may look. */
  readonly tickets: Ticket[];
  /** Longest pause between two acts, in ms. */
  readonly pauseMs: number;
}

/** Submits, reads, cancels and deletes until the signal aborts, one act after the other. */
export async function actAsUser(options: UserOptions, signal: AbortSignal): Promise<void> {
  const { door, random, name, tickets, pauseMs } = options;
  const submit = async (count: number) => {
    // The long ones outlast a lease and the grace: until their end a silent scheduler shows nothing.
    const refused = random.chance(0.05) ? { refuse: "no such path" } : {};
    const parameters = {
      marker: `${name}-${count}`,
      ms: String(random.chance(0.2) ? random.int(2000, 5000) : random.int(0, 200)),
      ...refused,
    };
    const id = acceptedIdOf(await door.submit(name, name, parameters));
    if (id !== undefined) tickets.push({ id, user: name });
  };
  for (let count = 0; !signal.aborted; count += 1) {
    if (!door.isOpen()) {
      await pause(pauseMs);
      continue;
    }
    const recent = tickets.slice(-12);
    const ticket = recent.length > 0 ? random.pick(recent) : undefined;
    const luck = random.next();
    if (luck < 0.4 || !ticket) await submit(count);
    else if (luck < 0.68) await door.get(name, ticket);
    else if (luck < 0.82) await door.list(name, name);
    else if (luck < 0.9) await door.cancel(name, ticket);
    else if (luck < 0.98) await door.delete(name, ticket);
    else await door.listAll(name);
    await pause(random.int(5, pauseMs));
  }
}

function acceptedIdOf({ status, body }: Answered): string | undefined {
  return status === 202 ? acceptedId({ body }) : undefined;
}
