import { once } from "node:events";
import { connect } from "node:net";
import { newRecordTail, type Owner, type Parameters } from "../task-state/record/record.ts";
import { idSets, keys, orderedIdSets } from "../task-state/redis/keys.ts";

/** Number of tasks per index command. */
const batch = 1000;
const ttl = "7776000";
const usual: Parameters = { src: `/home/${"project/".repeat(8)}`, dst: "/scratch" };

/**
 * Fills an empty Redis with tasks 1 to `count` of one owner: all keys of a submission, as they are after the tasks have left
 * the work stream. Writes raw commands without waiting for replies: a million takes some seconds.
 * @param owner ASCII only, as are the parameters
 */
export async function populate(
  port: number,
  owner: Owner,
  count: number,
  parameters: Parameters = usual,
): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  const tail = newRecordTail(owner, parameters, new Date().toISOString());
  socket.write(command("CLIENT", "REPLY", "OFF"));
  for (let first = 1; first <= count; first += batch) {
    const ids = Array.from({ length: Math.min(batch, count - first + 1) }, (_, index) => String(first + index));
    const text = ids.map((id) => taskCommands(id, owner, tail)).join("") + indexCommands(ids, owner);
    if (!socket.write(text)) await once(socket, "drain");
  }
  socket.write(command("SET", keys.sequence, String(count)) + command("CLIENT", "REPLY", "ON"));
  await once(socket, "data");
  socket.destroy();
}

function taskCommands(id: string, owner: Owner, tail: string): string {
  const { service, user } = owner;
  return (
    command("SET", keys.record(id), `{"task_id":"${id}",${tail}`, "EX", ttl) +
    command("HSET", keys.metadata(id), "service", service, "user_id", user) +
    command("EXPIRE", keys.metadata(id), ttl) +
    command("HSET", keys.sidecar(id), "service", service, "user", user, "phase", "sent", "rev", "1") +
    command("EXPIRE", keys.sidecar(id), ttl)
  );
}

function indexCommands(ids: readonly string[], owner: Owner): string {
  const users = keys.users(owner.service);
  return [
    ...idSets(owner).flatMap((set) => [command("SADD", set, ...ids), command("EXPIRE", set, ttl)]),
    ...orderedIdSets(owner).map((set) => command("ZADD", keys.ordered(set), ...ids.flatMap((id) => [id, id]))),
    command("SADD", users, owner.user),
    command("EXPIRE", users, ttl),
    command("ZADD", keys.ordered(users), "0", owner.user),
  ].join("");
}

/** A command in the Redis protocol. */
function command(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
}
