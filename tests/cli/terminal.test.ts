import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { run } from "./support/run.ts";
import { useService } from "./support/service.ts";
import { ctrlC, plain, runInTerminal, startInTerminal } from "./support/terminal.ts";

const service = useService({ stepMs: 250, steps: 4 });
const hidden = "\u001b[?25l";
const shown = "\u001b[?25h";

test("in a terminal a list is a table that fits its width, in colours", async () => {
  const { owner, env } = service.newUser();
  const id = await service.store.register(owner, { src: `/very/long/${"x".repeat(300)}`, note: "用户" });
  await service.store.update(id, { status: "failed" });
  const { code, screen, lines } = await runInTerminal(["tasks", "list"], { env, columns: 60 });
  expect(code).toBe(0);
  expect(screen).toContain("\u001b[31mfailed\u001b[0m");
  expect(lines[0]).toMatch(/^ID +STATUS +PROGRESS +CREATED +UPDATED +PARAMETERS$/);
  expect(lines[1]?.length).toBeLessThanOrEqual(60);
  expect(lines[1]).toMatch(/…$/);
});

test("NO_COLOR and a dumb terminal disable colours", async () => {
  const { owner, env } = service.newUser();
  await service.store.register(owner, {});
  for (const quiet of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
    const { screen } = await runInTerminal(["tasks", "list"], { env: { ...env, ...quiet } });
    expect(screen).toContain("pending");
    expect(screen).not.toContain("\u001b[");
  }
});

test("a table has 50 rows by default", async () => {
  const { owner, env } = service.newUser();
  for (let count = 0; count < 53; count++) await service.store.register(owner, {});
  const some = await runInTerminal(["tasks", "list"], { env });
  expect(some.lines.filter((line) => /pending/.test(line))).toHaveLength(50);
  expect(some.screen).toContain("--all");
  const all = await runInTerminal(["tasks", "list", "--all"], { env });
  expect(all.lines.filter((line) => /pending/.test(line))).toHaveLength(53);
});

test("a terminal asks for confirmation before several tasks are deleted, and the default is no", async () => {
  const { owner, env } = service.newUser();
  const ids = [await service.store.register(owner, {}), await service.store.register(owner, {})];
  for (const keys of ["\r", "n\r", "\u0004"]) {
    const refused = startInTerminal(["tasks", "delete", ids.join(",")], { env });
    await until(() => refused.output.stdout.includes("Delete 2 tasks of"));
    refused.type(keys);
    expect((await refused.over).code).toBe(1);
    expect(refused.output.stdout).toContain("aborted, nothing changed");
  }
  expect(await service.store.get(ids[0] ?? "", owner)).toBeDefined();
  const agreed = startInTerminal(["tasks", "delete", ids.join(",")], { env });
  await until(() => agreed.output.stdout.includes("[y/N]"));
  agreed.type("y\r");
  expect((await agreed.over).code).toBe(0);
  expect(await service.store.get(ids[0] ?? "", owner)).toBeUndefined();
});

test("Ctrl-C at the confirmation changes nothing", async () => {
  const { owner, env } = service.newUser();
  const ids = [await service.store.register(owner, {}), await service.store.register(owner, {})];
  const asked = startInTerminal(["tasks", "cancel", ids.join(",")], { env });
  await until(() => asked.output.stdout.includes("[y/N]"));
  asked.type(ctrlC);
  expect((await asked.over).code).toBe(130);
  expect(JSON.parse((await service.store.get(ids[0] ?? "")) ?? "").status).toBe("pending");
});

test("watch draws status, progress bar, rate, time left and log lines, and restores the cursor", async () => {
  const { env } = service.newUser();
  const { code, screen } = await runInTerminal(["tasks", "submit", "--watch"], { env, columns: 90 });
  expect(code).toBe(0);
  const text = plain(screen);
  expect(text).toMatch(/Task \d+ {2}running/);
  expect(text).toMatch(/█+░+ \d\d%, \d\.\d{3} GB, [\d.]+ GB\/s, \d+s left/);
  expect(text).toMatch(/\d\d:\d\d:\d\d Task accepted by scheduler/);
  expect(text).toMatch(/completed {2}\d+s\r\n█+ 100%, 2\.468 GB, [\d.]+ GB\/s, done/);
  expect(screen.lastIndexOf(shown)).toBeGreaterThan(screen.lastIndexOf(hidden));
});

test("watch shows the whole reason of a failure, and overwrites its own lines in a narrow terminal, too", async () => {
  const { env, owner } = service.newUser();
  const reason = `disk ${"of the target ".repeat(10)}is full`;
  const id = await service.store.register(owner, {});
  const watching = startInTerminal(["tasks", "watch", id, "--interval", "50ms"], { env, columns: 24 });
  await until(() => watching.output.stdout.includes("pending"));
  await service.store.update(id, { status: "cancel_requested" });
  await until(() => watching.output.stdout.includes("cancel_r"));
  await service.store.update(id, { status: "failed", logs: [reason] });
  expect((await watching.over).code).toBe(1);
  const lines = plain(watching.output.stdout).split(/[\r\n]+/);
  expect(lines.some((line) => line.endsWith(reason))).toBe(true);
  for (const line of lines.filter((line) => line.startsWith("Task "))) expect(line.length).toBeLessThan(24);
});

test("Ctrl-C in watch and in wait is 130, and the terminal is restored", async () => {
  const { owner, env } = service.newUser();
  const id = await service.store.register(owner, {});
  const watching = startInTerminal(["tasks", "watch", id], { env });
  await until(() => watching.output.stdout.includes("pending"));
  watching.type(ctrlC);
  expect((await watching.over).code).toBe(130);
  expect(watching.output.stdout.trimEnd().endsWith(shown)).toBe(true);

  const waiting = startInTerminal(["tasks", "wait", id, "--debug"], { env });
  await until(() => waiting.output.stdout.includes("< 200"));
  waiting.type(ctrlC);
  expect((await waiting.over).code).toBe(130);
});

test("every command has examples in its help", async () => {
  const commands = [["tasks", "list"], ["tasks", "submit"], ["admin", "retry"], ["ping"], ["completion"], ["serve"]];
  for (const command of commands) {
    const { code, stdout } = await run([...command, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`Examples:\n  # `);
    expect(stdout).toMatch(new RegExp(`dms-frontend ${command.join(" ")}`));
  }
});
