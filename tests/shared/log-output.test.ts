import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { linesOf, openPipe } from "../support/stdout.ts";
import { until } from "../support/until.ts";

const writer = join(import.meta.dirname, "../support/log-writer.ts");
/** More than may wait in memory, in lines of about 200 bytes. */
const tooMany = 40_000;
/** More than fits into a pipe or a socket, and less than may wait. */
const many = 5000;

type Ending = "natural" | "exit" | "throw" | "stay";

/** A process that logs, killed after the test. */
function start(count: number, ending: Ending, stdout: number | "pipe"): ChildProcess {
  const child = spawn(process.execPath, [writer, String(count), ending], { stdio: ["ignore", stdout, "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** {@link start} with an ending of `stay`, as soon as it has logged. */
async function startLogged(count: number, stdout: number | "pipe"): Promise<ChildProcess> {
  const child = start(count, "stay", stdout);
  if (child.stderr) await once(child.stderr, "data");
  return child;
}

const codes = { natural: 0, exit: 3, throw: 1 } as const;
const endings = ["natural", "exit", "throw"] as const;

test.each(endings)("the last lines are written to a file when the process ends by %s", async (ending) => {
  const path = join(directory(), "log");
  const child = start(many, ending, openFile(path));
  expect(await once(child, "close")).toEqual([codes[ending], null]);
  expectLines(readFileSync(path, "utf8"), many);
});

test.each(endings)(
  "the last lines are written to a socket that is read when the process ends by %s",
  async (ending) => {
    const child = start(many, ending, "pipe");
    const closed = once(child, "close");
    const written = child.stdout ? await text(child.stdout) : "";
    expect(await closed).toEqual([codes[ending], null]);
    expectLines(written, many);
  },
);

test.each(endings)(
  "the last lines are written to a pipe that is read late when the process ends by %s",
  async (ending) => {
    const pipe = openPipe();
    const child = start(many, ending, pipe.fd);
    const exited = once(child, "exit");
    let written = "";
    await until(() => {
      written += pipe.read();
      return child.exitCode !== null;
    });
    expect(await exited).toEqual([codes[ending], null]);
    expectLines(written + pipe.read(), many);
  },
);

test.each(endings)("a process ends by %s although nobody reads its pipe", async (ending) => {
  const pipe = openPipe();
  pipe.fill();
  expect(await once(start(many, ending, pipe.fd), "exit")).toEqual([codes[ending], null]);
});

test("lines beyond the limit are dropped, and one line after the gap counts them", async () => {
  const pipe = openPipe();
  const child = await startLogged(tooMany, pipe.fd);
  let written = "";
  await until(() => {
    written += pipe.read();
    return written.includes("were dropped");
  });
  child.kill("SIGUSR1");
  await until(() => {
    written += pipe.read();
    return written.includes("still here");
  });
  const lines = linesOf(written);
  const [report] = lines.filter(({ msg }) => msg.includes("were dropped"));
  const kept = lines.filter(({ msg }) => msg === "line").map(({ index }) => index);
  expect(report).toMatchObject({ level: "error", count: tooMany - kept.length });
  expect(kept).toEqual(kept.map((_, index) => index));
  expect(kept.length).toBeGreaterThan(10_000);
  expect(lines.slice(-2).map(({ msg }) => msg)).toEqual([report?.msg, "still here"]);
});

test("a socket whose reader stops does not stop the process, and gets the count when it reads again", async () => {
  const child = await startLogged(tooMany, "pipe");
  child.kill("SIGUSR1");
  let written = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => {
    written += part;
  });
  await until(() => written.includes("were dropped"));
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("a pipe that is closed ends nothing", async () => {
  const pipe = openPipe();
  const child = await startLogged(1, pipe.fd);
  pipe.close();
  child.kill("SIGUSR1");
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test.skipIf(process.getuid?.() !== 0)("a full disk is written again once it has space", async () => {
  const disk = directory();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "none", disk]);
  onTestFinished(() => void execFileSync("umount", [disk]));
  writeFileSync(join(disk, "other"), Buffer.alloc(128 * 1024));
  const child = await startLogged(many, openFile(join(disk, "log")));
  await until(() => readFileSync(join(disk, "log")).length >= 96 * 1024);
  child.kill("SIGUSR1");
  execFileSync("mount", ["-o", "remount,size=16m", disk]);
  await until(() => readFileSync(join(disk, "log"), "utf8").includes("still here"));
  expectLines(readFileSync(join(disk, "log"), "utf8"), many);
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("a disk that stays full ends nothing", async () => {
  const child = await startLogged(tooMany, openFile("/dev/full"));
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), "dms-log-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

function openFile(path: string): number {
  const fd = openSync(path, "a");
  onTestFinished(() => closeSync(fd));
  return fd;
}

/** Expects all lines, in order. */
function expectLines(written: string, count: number): void {
  const indexes = linesOf(written).flatMap(({ msg, index }) => (msg === "line" ? [index] : []));
  expect(indexes).toEqual(Array.from({ length: count }, (_, index) => index));
}
