import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { onTestFinished, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { startServiceForTest } from "../support/service.ts";
import { until } from "../support/until.ts";
import { expectUnavailable } from "./faults.ts";
import { aliceTask, aliceTasks, messagesOf, submit, taskIn } from "./support.ts";

const redis = useRedis();

test("connections that become silent without being closed are replaced, also the dispatcher's", async () => {
  const way = await startWay(redis.server.port);
  const service = await startServiceForTest(`redis://127.0.0.1:${way.port}/0`, {
    DMS_EVENT_WORKER_COUNT: "2",
    DMS_SCHEDULER_BASE_URL: "http://127.0.0.1:1",
  });
  onTestFinished(way.close);
  const attempted = async (id: string) => {
    const task = taskIn(await service.get(aliceTask(id)));
    return messagesOf(task).includes("Dispatching to scheduler");
  };
  const first = await submit(service);
  await until(() => attempted(first));
  way.silence();
  await expectUnavailable(() => service.get(aliceTasks));
  await until(async () => (await service.get("/healthz")).status === 200);
  const second = await submit(service);
  await until(() => attempted(second), { timeoutMs: 20_000 });
});

/** A proxy to Redis that can stop forwarding its connections, as when a machine vanishes. */
async function startWay(to: number) {
  let sockets: Socket[] = [];
  const server = createServer((from) => {
    const onward = connect(to, "127.0.0.1");
    for (const socket of [from, onward]) socket.on("error", () => {});
    from.on("close", () => onward.destroy()).pipe(onward);
    onward.on("close", () => from.destroy()).pipe(from);
    sockets.push(from, onward);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  return {
    port: typeof address === "object" ? address?.port : undefined,
    silence() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      sockets = [];
      server.close();
    },
  };
}
