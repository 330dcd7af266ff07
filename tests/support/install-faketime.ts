import { findFaketime } from "./faketime.ts";

/** Runs before all tests, outside their timeouts. Tests that need libfaketime skip themselves without it. */
export default async function installFaketime(): Promise<void> {
  await findFaketime();
}
