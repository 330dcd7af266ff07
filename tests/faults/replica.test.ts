import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { RedisServer } from "../../local/redis-server.ts";
import { audit, expectClean, figuresOf } from "./support/audit.ts";
import { type Link, openLink } from "./support/link.ts";
import { createPlay, judgement } from "./support/play.ts";
import { startPrimary, startReplica } from "./support/replica.ts";
import { inForm, printFigures, randomFor } from "./support/run.ts";
import { openStage, type Stage } from "./support/stage.ts";

/** How far the replica is behind, in ms. */
const lag = inForm(2000, 8000);

let primary: RedisServer;
let link: Link;
let replica: RedisServer;
let stage: Stage;
const play = createPlay(() => stage);

beforeAll(async () => {
  primary = await startPrimary();
  link = await openLink(primary.port);
  replica = await startReplica(link.port);
  stage = await openStage({
    redisUrl: primary.url,
    environment: { DMS_REDIS_READ_URL: replica.url },
    scheduler: { lookupUrl: replica.url },
  });
});
afterEach(recover);
afterAll(async () => {
  await stage?.close();
  link?.close();
  await replica?.stop("SIGKILL");
  await primary?.stop("SIGKILL");
});

function recover(): void {
  link.delay(0);
  replica.process.kill("SIGCONT");
}

const listed = async (user: string) =>
  Object.fromEntries((await stage.client.list(user)).map(({ task_id, status }) => [task_id, status]));

test.each([
  { what: "lags by seconds", fall: () => link.delay(lag) },
  { what: "hangs", fall: () => void replica.process.kill("SIGSTOP") },
])("while a replica $what, readers see at once what was submitted, cancelled and deleted", async ({ what, fall }) => {
  const user = `reader-${what.split(" ")[0]}`;
  const ended = await play.submit(user);
  await play.untilStatus(ended, "completed");
  const [running, doomed] = [await play.run(user), await play.run(user)];
  // A scheduler that hangs with its replica would take this one seconds after its request was aborted.
  await stage.scheduler.block(true, user);
  fall();
  const waiting = await play.submit(user);
  expect(await stage.client.get(waiting)).toBeDefined();
  expect(Object.keys(await listed(user))).toContain(waiting.id);

  await play.cancel(running);
  await play.delete(doomed);
  expect(["cancel_requested", "cancelled"]).toContain((await stage.client.get(running))?.status);
  expect(await stage.client.get(doomed)).toBeUndefined();
  const shown = await listed(user);
  expect(["cancel_requested", "cancelled"]).toContain(shown[running.id]);
  expect(shown[ended.id]).toBe("completed");
  expect(Object.keys(shown)).not.toContain(doomed.id);

  await play.delete(ended);
  await play.delete(waiting);
  expect(Object.keys(await listed(user))).toEqual([running.id]);
  recover();
  await stage.scheduler.block(false, user);
  await play.untilStatus(running, "cancelled");
});

test(
  "a scheduler that looks at a replica behind by seconds gets every task once it can see it",
  async () => {
    link.delay(lag);
    const random = randomFor("lag");
    const users = Array.from({ length: 40 }, () => random.pick(["alice", "bob"]));
    await Promise.all(users.map((user) => play.submit(user)));
    const verdict = await audit(stage, play.accepted);
    const answers = Object.values(verdict.report.submissions).flat().length;
    printFigures("replica", { ...figuresOf(verdict), "lag in ms": lag, submissions: answers });
    expectClean(verdict, stage);
    expect(answers).toBeGreaterThan(verdict.executed);
  },
  judgement,
);
