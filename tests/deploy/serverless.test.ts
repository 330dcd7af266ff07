import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { findFunctions, root } from "../../build/functions.ts";
import { useBuild } from "../support/build.ts";
import { runServerless, serviceCopy } from "../support/serverless.ts";

let yaml = "";

beforeAll(async () => {
  yaml = await readFile(join(root, "serverless.yml"), "utf8");
});

test("serverless.yml deploys every function and no other", async () => {
  const functions = await findFunctions();
  const generated = parse(await readFile(join(root, "serverless.functions.yml"), "utf8"));
  const [, byHand] = parse(yaml).functions;
  const deployed = { ...generated, ...byHand };
  expect(Object.keys(deployed).sort()).toEqual(functions.map(({ name }) => name).sort());
  for (const [name, { handler }] of Object.entries<{ handler: string }>(deployed)) {
    expect(handler).toBe(`dist/lambda/${name}.handler`);
  }
});

test("every background function has a schedule, and the wake-up queue reports failures per message", () => {
  const { dispatcher, janitor } = parse(yaml).functions[1];
  expect(dispatcher.events).toContainEqual({ schedule: expect.any(String) });
  expect(janitor.events).toContainEqual({ schedule: expect.any(String) });
  expect(dispatcher.events[1].sqs).toMatchObject({ functionResponseType: "ReportBatchItemFailures" });
  expect(dispatcher.reservedConcurrency).toBeGreaterThan(0);
});

test("`serverless package` creates a template without an account, with only the function's bundle in each archive", async () => {
  const { dist } = await useBuild();
  const directory = await serviceCopy(dist, "package");
  await runServerless(directory, ["package"]);
  const archive = join(directory, ".serverless", "get-task.zip");
  const { stdout } = await promisify(execFile)("unzip", ["-Z1", archive]);
  expect(stdout.trim().split("\n").sort()).toEqual(["dist/lambda/get-task.cjs", "dist/lambda/get-task.cjs.map"]);
  const template = await readFile(join(directory, ".serverless", "cloudformation-template-update-stack.json"), "utf8");
  expect(template).toContain("{{resolve:secretsmanager:dms-frontend/production:SecretString:operator_token}}");
  expect(JSON.parse(template).Outputs.DispatcherWakeUpUrl.Value).toEqual({ Ref: "DispatcherWakeUp" });
}, 180_000);

test("the template of another stage reads no name of the first", async () => {
  const { dist } = await useBuild();
  const directory = await serviceCopy(dist, "package-of-another-stage");
  await runServerless(directory, ["package", "--stage", "rehearsal"]);
  const template = await readFile(join(directory, ".serverless", "cloudformation-template-update-stack.json"), "utf8");
  const references = [...template.matchAll(/\{\{resolve:[^}]+\}\}/g)].map(([reference]) => reference);
  expect(references.length).toBeGreaterThan(0);
  for (const reference of references) expect(reference).toMatch(/dms-frontend\/rehearsal[:/]/);
  expect(template).toContain('"DMS_DEPLOYMENT": "dms-frontend-rehearsal"');
  expect(template).not.toContain("production");
}, 180_000);
