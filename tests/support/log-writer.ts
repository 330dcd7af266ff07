import { createLogger } from "../../shared/logger.ts";

/** A process that logs as many lines as its first argument says, and ends as the second one says. */
const [count = "1", ending = "natural"] = process.argv.slice(2);
const log = createLogger({ appName: "writer", logLevel: "info" });
for (let index = 0; index < Number(count); index += 1) log.info({ index, filler: "€".repeat(30) }, "line");

if (ending === "exit") process.exit(3);
if (ending === "throw") {
  setImmediate(() => {
    throw new Error("uncaught");
  });
}
if (ending === "stay") {
  process.on("SIGUSR1", () => log.info("still here"));
  process.on("SIGTERM", () => log.flush(() => process.exit(0)));
  setInterval(() => {}, 1000);
  process.stderr.write("logged\n");
}
