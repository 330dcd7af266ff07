import { type Question, question, type Settings } from "../process.ts";

/** What a server does for the process that has started it. */
export interface Served {
  /** @default it does not listen */
  readonly address?: string;
  /** Answers questions. @default refuses all */
  answer?(asked: Question): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** Runs a server of the benchmark in this process until SIGTERM, or until the process that has started it is gone. */
export async function serve(start: (settings: Settings) => Promise<Served>): Promise<void> {
  const tell = (id: number, told: { value?: unknown; error?: string }) => process.send?.({ id, ...told });
  const served = await start(JSON.parse(process.argv[2] ?? "{}"));
  const end = () => void served.stop().finally(() => process.exit(0));
  process.once("SIGTERM", end);
  process.once("disconnect", end);
  process.on("message", async (message) => {
    const asked = question.parse(message);
    try {
      if (!served.answer) throw new Error("it answers no questions");
      tell(asked.id, { value: await served.answer(asked) });
    } catch (error) {
      tell(asked.id, { error: error instanceof Error ? error.message : String(error) });
    }
  });
  tell(0, { value: served.address ?? "" });
}
