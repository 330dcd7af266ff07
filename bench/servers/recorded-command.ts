import { type Command, Redis } from "ioredis";
import { createContext, createTaskStore, type TaskStore } from "../../task-state/index.ts";

/** Repeats a recorded command and resolves with the reply. */
export type Replay = () => Promise<unknown>;

/**
 * Records the single round trip of a store operation, to repeat it without the store: the operation runs on the real Redis,
 * and the replay sends the same script call with the same arguments over one connection.
 * @throws Error when the operation takes more than one script call, because the replay would not be its upper bound
 */
export async function recordCommand(url: string, verb: (store: TaskStore) => Promise<unknown>): Promise<Replay> {
  const recorder = new Recorder(url);
  const store = createTaskStore(createContext({ primary: recorder }));
  // The first run loads the script into Redis.
  await verb(store);
  recorder.commands.length = 0;
  await verb(store);
  recorder.disconnect();
  const [command, ...more] = recorder.commands;
  if (command?.name !== "evalsha" || more.length > 0) throw new Error("the operation is not a single script call");
  const [sha = "", numberOfKeys, ...words] = command.args.map(String);
  const redis = new Redis(url);
  return () => redis.evalsha(sha, Number(numberOfKeys), ...words);
}

class Recorder extends Redis {
  readonly commands: Command[] = [];

  override sendCommand(...sent: Parameters<Redis["sendCommand"]>): unknown {
    this.commands?.push(sent[0]);
    return super.sendCommand(...sent);
  }
}
