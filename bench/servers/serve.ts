import { type Question, question, type Settings } from "../process.ts";

/** A server of the benchmark, as its parent process uses it. */
export interface Served {
  /** @default it does not listen */
  readonly address?: string;
  /** Answers questions. @default refuses all */
  answer?(asked: Question): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** Runs a server of the benchmark in this process until SIGTERM, or until its parent process ends. */
export async function serve(start: (settings: Settings) => Promise<Served>): Promise<void> {
  const send = (id: number, reply: { value?: unknown; error?: string }) => process.send?.({ id, ...reply });
  const served = await start(JSON.parse(process.argv[2] ?? "{}"));
  const end = () => void served.stop().finally(() => process.exit(0));
  process.once("SIGTERM", end);
  process.once("disconnect", end);
  process.on("message", async (message) => {
    const asked = question.parse(message);
    try {
      if (!served.answer) throw new Error("this server accepts no questions");
      send(asked.id, { value: await served.answer(asked) });
    } catch (error) {
      send(asked.id, { error: error instanceof Error ? error.message : String(error) });
    }
  });
  send(0, { value: served.address ?? "" });
}
