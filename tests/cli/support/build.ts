import { buildCli } from "../../../cli/build.ts";

/** Builds the command line once, before any test runs it as a process. */
export default buildCli;
