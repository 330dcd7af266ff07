/**
 * A scheduler like the real one: it shares Redis, writes whole records without compare-and-set, drops what it does not
 * know, protects nobody from himself and counts the harm. Argument: the settings as JSON. Prints one line with its
 * addresses, and ends with its standard input.
 */
import { createRandom } from "../support/random.ts";
import { createBlocks } from "./blocks.ts";
import { openControl } from "./control.ts";
import { createFaults } from "./faults.ts";
import { createJobs } from "./jobs.ts";
import { createLedger } from "./ledger.ts";
import { openRecords } from "./records.ts";
import { openFront } from "./server.ts";
import { bannerSchema, settingsSchema } from "./settings.ts";
import { chooseJobs, createSilentJobs } from "./silent-jobs.ts";

const settings = settingsSchema.parse(JSON.parse(process.argv[2] ?? "{}"));
const random = createRandom(settings.seed);
const ledger = createLedger();
const records = openRecords(settings, random);
const parts = {
  records,
  ledger,
  settings,
  jobs: chooseJobs(settings, createJobs(settings, records, ledger), createSilentJobs(settings, records, ledger)),
  blocks: createBlocks(records),
  faults: createFaults(random),
};
const front = await openFront(parts);
const control = await openControl({ ...parts, front });

process.stdin.once("close", () => process.exit(0)).resume();
process.stdout.write(`${JSON.stringify(bannerSchema.parse({ address: front.address, control }))}\n`);
