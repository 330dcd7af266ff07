import { type Command, Redis } from "ioredis";
import { createContext, createTaskStore, type TaskStore } from "../../task-state/index.ts";

/** Sends a recorded command again and gives the reply. */
export type Replay = () => Promise<unknown>;

/**
 * Makes the one round trip of a verb of the store repeatable without the store: the verb runs against the real Redis, and
 * the replay sends the very same script call with the very same arguments over one connection.
 * @throws Error when the verb takes more than one script call: then this would not be its ceiling
 */
export async function recordCommand(url: string, verb: (store: TaskStore) => Promise<unknown>): Promise<Replay> {
  const recorder = new Recorder(url);
  const store = createTaskStore(createContext({ primary: recorder }));
  // The first run makes Redis know the script.
  await verb(store);
  recorder.commands.length = 0;
  await verb(store);
  recorder.disconnect();
  const [command, ...more] = recorder.commands;
  if (command?.name !== "evalsha" || more.length > 0) throw new Error("the verb is not one call of one script");
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
