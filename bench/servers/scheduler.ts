import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "./serve.ts";

const accepted = JSON.stringify({ status: "accepted" });

/** A received request with its time in ms since the epoch. */
interface Arrival {
  readonly at: number;
  body: string;
}

/**
 * A scheduler that accepts every submission at once and records its time.
 * Question: `receipts` with a count; answered as soon as so many have arrived, which it then forgets: `[task id, ms]` each.
 */
await serve(async () => {
  let arrivals: Arrival[] = [];
  let wanted = Number.POSITIVE_INFINITY;
  let complete = () => {};

  const server = createServer((request, response) => {
    const arrival: Arrival = { at: performance.timeOrigin + performance.now(), body: "" };
    request.setEncoding("utf8");
    request.on("data", (text: string) => {
      arrival.body += text;
    });
    request.on("end", () => {
      response.writeHead(202, { "content-type": "application/json", "content-length": accepted.length }).end(accepted);
      arrivals.push(arrival);
      if (arrivals.length >= wanted) complete();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async answer({ count = 0 }) {
      await new Promise<void>((resolve) => {
        wanted = count;
        complete = resolve;
        if (arrivals.length >= wanted) resolve();
      });
      const receipts = arrivals.map(({ at, body }) => [JSON.parse(body).task_id, at]);
      arrivals = [];
      wanted = Number.POSITIVE_INFINITY;
      return receipts;
    },
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
});
