import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { startRedisServer } from "../../local/redis-server.ts";
import { audit, expectClean, figuresOf } from "./support/audit.ts";
import { startLoad } from "./support/load.ts";
import { judgement } from "./support/play.ts";
import { inForm, printFigures, randomFor } from "./support/run.ts";
import { openStage } from "./support/stage.ts";

const kills = inForm(3, 30);

test(
  `${kills} SIGKILLs of a Redis with an append-only file under load lose no task and harm none`,
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "dms-faults-"));
    let server = await startRedisServer({ directory });
    const { port, url } = server;
    const stage = await openStage({ redisUrl: url, dispatchers: 2 });
    onTestFinished(async () => {
      await stage.close();
      await server.stop("SIGKILL");
      await rm(directory, { recursive: true, force: true });
    });
    const random = randomFor("redis kills");
    const load = startLoad({ address: stage.address, users: ["alice", "bob"], random });
    for (let killed = 0; killed < kills; killed += 1) {
      await pause(random.int(200, 1200));
      await server.stop("SIGKILL");
      await pause(random.int(0, 500));
      server = await startRedisServer({ directory, port });
    }
    await pause(500);
    await load.stop();
    const verdict = await audit(stage, load.accepted);
    printFigures("redis", { ...figuresOf(verdict), "killed Redis": kills, unanswered: load.unanswered() });
    expectClean(verdict, stage);
    expect(verdict.accepted).toBeGreaterThan(kills * 10);
  },
  judgement + kills * 5000,
);
