import { findFaketime } from "./faketime.ts";

/** Before all tests, outside their time limits. Tests that need it skip themselves where there is none. */
export default async function installFaketime(): Promise<void> {
  await findFaketime();
}
