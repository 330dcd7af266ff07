import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/until.ts";
import { audit, expectClean, figuresOf } from "./support/audit.ts";
import { startLoad } from "./support/load.ts";
import { judgement } from "./support/play.ts";
import { inForm, printFigures, randomFor } from "./support/run.ts";
import { startSentinel } from "./support/sentinel.ts";
import { openStage } from "./support/stage.ts";

const before = inForm(1000, 10_000);

test(
  "a failover under load loses no task that was accepted with a replica's word",
  async () => {
    const sentinel = await startSentinel();
    const stage = await openStage({
      redisUrl: sentinel.url,
      dispatchers: 2,
      apis: 1,
      environment: { DMS_REDIS_WAIT_REPLICAS: "1" },
    });
    onTestFinished(async () => {
      await stage.close();
      await sentinel.stop();
    });
    const load = startLoad({ address: stage.address, users: ["alice", "bob"], random: randomFor("failover") });
    await pause(before);
    const killedAt = performance.now();
    const acceptedBefore = load.accepted.size;
    await sentinel.primary.stop("SIGKILL");
    await until(async () => (await sentinel.primaryPort()) === sentinel.replica.port, { timeoutMs: 20_000 });
    await sentinel.rejoin();
    const acceptedAgain = load.accepted.size;
    await until(() => load.accepted.size > acceptedAgain + 20, { timeoutMs: 20_000 });
    const gap = performance.now() - killedAt;
    await load.stop();
    const verdict = await audit(stage, load.accepted);
    printFigures("sentinel", {
      ...figuresOf(verdict),
      "accepted before": acceptedBefore,
      unanswered: load.unanswered(),
      "ms until 20 more": Math.round(gap),
    });
    expectClean(verdict, stage);
    expect(acceptedBefore).toBeGreaterThan(20);
  },
  judgement,
);

test("without a replica no submission is promised, and the answer says that the task may exist", async () => {
  const sentinel = await startSentinel();
  const stage = await openStage({
    redisUrl: sentinel.url,
    dispatchers: 0,
    environment: { DMS_REDIS_WAIT_REPLICAS: "1" },
  });
  onTestFinished(async () => {
    await stage.close();
    await sentinel.stop();
  });
  expect(await stage.client.submit("alice")).toBeDefined();
  sentinel.replica.process.kill("SIGSTOP");
  const begun = performance.now();
  const response = await fetch(`${stage.address()}/api/v1/services/sync/users/alice/tasks`, { method: "POST" });
  const body: unknown = await response.json();
  expect(response.status).toBe(503);
  expect(JSON.stringify(body)).toMatch(/may exist/);
  expect(performance.now() - begun).toBeLessThan(2500);
  sentinel.replica.process.kill("SIGCONT");
  await until(() => stage.client.submit("alice"));
});
