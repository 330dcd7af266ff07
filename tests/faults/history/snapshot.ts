import type { Line } from "../checker/history.ts";
import type { Lab } from "./lab.ts";
import type { Recorder } from "./recorder.ts";

/** What the scheduler and Redis say now of the tasks of these users, as lines of a history. */
export async function takeSnapshot(lab: Lab, recorder: Recorder, users: readonly string[]): Promise<Line[]> {
  const { client } = lab.redis;
  const { submissions, endings, harmed } = await lab.scheduler.report();
  const own = users.flatMap((user) => [`index:service:sync:user:${user}`, `index:user:${user}`]);
  const sets: Record<string, string[]> = {};
  for (const key of own) sets[key] = await client.smembers(key);
  const ids = new Set([...Object.values(sets).flat(), ...Object.keys(submissions), ...idsOf(recorder)]);
  for (const key of ["index:tasks", "index:service:sync"]) {
    sets[key] = (await client.smembers(key)).filter((id) => ids.has(id));
  }
  const records: Record<string, string> = {};
  const metadata: string[] = [];
  for (const id of ids) {
    const text = await client.get(`task:${id}`);
    if (text !== null) records[id] = text;
    if ((await client.exists(`task:${id}:metadata`)) === 1) metadata.push(id);
  }
  return [
    { kind: "scheduler", submissions, endings, harmed },
    { kind: "store", records, metadata, sets },
  ];
}

/** The ids that were asked for or given. */
function idsOf({ lines }: Recorder): string[] {
  return lines.flatMap((line) => {
    if (line.kind === "invoke") return typeof line.args.task === "string" ? [line.args.task] : [];
    const given =
      line.kind === "complete" && line.status === 202 ? (line.body as { task_id?: unknown }).task_id : undefined;
    return typeof given === "string" ? [given] : [];
  });
}
