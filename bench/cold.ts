import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startRedisServer } from "../local/redis-server.ts";
import { type Cold, measureStart, median } from "./cold/start.ts";

/** Number of starts of each kind. */
const starts = Number(process.argv[2] ?? 20);
const dist = join(import.meta.dirname, "..", "dist");
const goal = 2.5;
const maxMemory = 60;

interface Kind {
  readonly name: string;
  readonly bundle: string;
  readonly method: string;
  readonly path: string;
}

const users = { method: "GET", path: "/api/v1/services/sync/users" };
const submission = { method: "POST", path: "/api/v1/services/sync/users/alice/tasks?src=/a" };
const server = (name: string) => join(dist, "server", `${name}.cjs`);
const plain = join(dist, "plain", "list-users.cjs");
const kinds: readonly Kind[] = [
  { name: "floor: bare node:http", bundle: join(import.meta.dirname, "cold", "floor.cjs"), method: "GET", path: "/" },
  { name: "list-users", bundle: server("list-users"), ...users },
  { name: "submit-task", bundle: server("submit-task"), ...submission },
  { name: "list-users, no code cache", bundle: plain, ...users },
];

await mkdir(join(dist, "plain"), { recursive: true });
await copyFile(server("list-users"), plain);
const redis = await startRedisServer();
try {
  const figures = new Map<string, Cold[]>(kinds.map(({ name }) => [name, []]));
  // The kinds alternate, so that other load on the machine affects all alike. The first round warms the disk cache.
  for (let round = 0; round <= starts; round += 1) {
    for (const kind of kinds) {
      const cold = await measureStart(kind, { DMS_REDIS_WRITE_URL: redis.url });
      if (round > 0) figures.get(kind.name)?.push(cold);
    }
  }
  process.stdout.write(table(figures));
} finally {
  await redis.stop();
}

function table(figures: ReadonlyMap<string, readonly Cold[]>): string {
  const [floor = 1] = [...figures.values()].map((colds) => median(colds.map(({ ms }) => ms)));
  const lines = [...figures].map(([name, colds]) => {
    const times = colds.map(({ ms }) => ms).sort((a, b) => a - b);
    const memory = median(colds.map(({ rssMb }) => rssMb));
    const columns = [median(times), times[0] ?? 0, times.at(-1) ?? 0].map((ms) => ms.toFixed(0).padStart(7));
    return `${name.padEnd(32)}${columns.join("")}${(median(times) / floor).toFixed(2).padStart(8)}${memory.toFixed(0).padStart(8)}`;
  });
  const head = `${"spawn to first answer, ms".padEnd(32)} median    min    max   floor  RSS MB`;
  const goals = `${starts} alternating starts of each kind; goals: ${goal} times the floor, ${maxMemory} MB`;
  return `${[head, ...lines, goals].join("\n")}\n`;
}
