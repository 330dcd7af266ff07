import { setTimeout as pause } from "node:timers/promises";
import { onTestFinished, test } from "vitest";
import { audit, expectClean, figuresOf } from "./support/audit.ts";
import { startLoad } from "./support/load.ts";
import { judgement } from "./support/play.ts";
import { inForm, isLong, printFigures, randomFor } from "./support/run.ts";
import { openStage, type Stage } from "./support/stage.ts";

const users = ["alice", "bob", "carol", "dave"];

async function openCrowdedStage(): Promise<Stage> {
  const stage = await openStage({ apis: 2, dispatchers: 2 });
  onTestFinished(() => stage.close());
  return stage;
}

const kills = inForm(10, 200);

test(
  `${kills} SIGKILLs of API and dispatcher processes at random moments under load lose no task and harm none`,
  async () => {
    const stage = await openCrowdedStage();
    const random = randomFor("kills");
    const load = startLoad({ address: stage.address, users, random });
    const processes = [...stage.apis, ...stage.dispatchers];
    const killed = { api: 0, dispatcher: 0 };
    const starts: Promise<void>[] = [];
    while (killed.api + killed.dispatcher < kills) {
      await pause(random.int(100, 900));
      const running = processes.filter(({ address }) => address !== "");
      if (running.length === 0) continue;
      const victim = random.pick(running);
      await victim.kill();
      killed[stage.apis.includes(victim) ? "api" : "dispatcher"] += 1;
      starts.push(victim.start());
    }
    await Promise.all(starts);
    await load.stop();
    const verdict = await audit(stage, load.accepted);
    printFigures("kill", {
      ...figuresOf(verdict),
      "killed APIs": killed.api,
      "killed dispatchers": killed.dispatcher,
      unanswered: load.unanswered(),
    });
    expectClean(verdict, stage);
  },
  judgement + kills * 1500,
);

const sleeps = 40;

test.runIf(isLong)(
  `${sleeps} sleeps of dispatchers at random moments under load, longer than their leases, harm no task`,
  async () => {
    const stage = await openCrowdedStage();
    const random = randomFor("sleeps");
    const load = startLoad({ address: stage.address, users, random });
    for (let slept = 0; slept < sleeps; slept += 1) {
      await pause(random.int(100, 500));
      const sleeper = random.pick(stage.dispatchers);
      sleeper.pause();
      await pause(4000);
      sleeper.resume();
    }
    await load.stop();
    const verdict = await audit(stage, load.accepted);
    printFigures("sleeps", { ...figuresOf(verdict), sleeps });
    expectClean(verdict, stage);
  },
  judgement + sleeps * 10_000,
);
