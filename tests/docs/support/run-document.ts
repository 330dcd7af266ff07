import { until } from "../../support/until.ts";
import { readPage } from "./block.ts";
import { makeCheckout } from "./checkout.ts";
import { difference } from "./output.ts";
import { type ReadersService, startReadersService } from "./service.ts";
import { mapPorts, runSteps, type StepResult } from "./shell.ts";
import { readSteps, type Step } from "./step.ts";

/** The ports that the documents name. */
const documented = { service: 8000, redis: 6379 };
/** How long the service may take to write what a document shows of its start, in ms. */
const bannerLimit = 10_000;

/**
 * Runs the shell blocks of a page in order, in one shell beside a service that has just started, with a Redis that
 * holds nothing. To be called once within a test.
 * @returns one text for each block that fails or prints something else, with its line; none: the page is true
 */
export async function runDocument(page: string): Promise<string[]> {
  const steps = readSteps(readPage(page).blocks).filter(({ notRun }) => notRun === undefined);
  const toRun = steps.filter(({ commands }) => commands !== "");
  const shown = steps.filter(({ commands, output }) => commands === "" && output !== undefined);
  const starts = shown.filter(isStart);
  const unknown = shown
    .filter((step) => !isStart(step))
    .map(({ line, special }) => `line ${line}: the output of ${special.join(" and ")} is not compared: do not show it`);
  if (toRun.length + starts.length === 0) return unknown;
  const checkout = await makeCheckout();
  const service = await startReadersService(checkout);
  const { port, redisPort } = service;
  const ports = new Map([
    [documented.service, port],
    [documented.redis, redisPort],
  ]);
  const env = { DMS_API_BASE: `http://localhost:${port}/api/v1` };
  const results = toRun.length === 0 ? [] : await runSteps(toRun, { checkout, redisPort, ports, env });
  const banners = await Promise.all(starts.map((step) => bannerFault(step, service)));
  return [...unknown, ...results.map(faultOf), ...banners].filter((fault) => fault !== undefined);
}

function isStart({ special }: Step): boolean {
  return special.some((command) => /\b(start|dev)$/.test(command));
}

function faultOf({ step, printed, end }: StepResult): string | undefined {
  const fault = (text: string) => `line ${step.line}: ${text}`;
  if (end === "failed") return fault(`a command fails, after the block has printed\n${printed.trim()}`);
  if (end === "timed out") return fault(`it does not end; the block has printed\n${printed.trim()}`);
  if (end === "not reached") return fault("not reached: a command before it fails");
  const differs = step.output === undefined ? undefined : difference(step.output, printed);
  return differs === undefined ? undefined : fault(differs);
}

/** What is shown of a start is what the service has written. */
async function bannerFault(step: Step, { port, output }: ReadersService): Promise<string | undefined> {
  const differs = () => difference(step.output ?? "", mapPorts(output.stdout, new Map([[port, documented.service]])));
  await until(() => differs() === undefined, { timeoutMs: bannerLimit }).catch(() => {});
  const text = differs();
  return text === undefined ? undefined : `line ${step.line}: ${text}`;
}
