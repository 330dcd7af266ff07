import { execFile } from "node:child_process";
import { globSync } from "node:fs";
import { promisify } from "node:util";

const places = "/usr/{lib,lib64,local/lib}/{,*/}faketime/libfaketime.so.1";
/** A malloc that asks no clock at its start. A redis-server with jemalloc would wait for itself under libfaketime. */
const mallocs = "/{usr/lib,lib}/{,*-linux-gnu/}libc_malloc_debug.so.0";

let search: Promise<Faketime | undefined> | undefined;

/** What sets a process's wall clock from a file, for `LD_PRELOAD`. */
export interface Faketime {
  /** Environment of a process whose clock the file's text moves, such as `+60`; its monotonic clock stays. */
  environment(file: string): Record<string, string>;
  /** The same for a redis-server, which brings a malloc of its own. */
  redisEnvironment(file: string): Record<string, string>;
}

/** libfaketime, installed from Debian's package where we may; `undefined` and one line on standard error where there is none. */
export function findFaketime(): Promise<Faketime | undefined> {
  search ??= find();
  return search;
}

async function find(): Promise<Faketime | undefined> {
  const present = () => globSync(places)[0];
  if (present() === undefined && process.getuid?.() === 0) await install();
  const library = present();
  if (library === undefined) {
    process.stderr.write("There is no libfaketime (package faketime): no clock is stepped\n");
    return undefined;
  }
  const [malloc] = globSync(mallocs);
  const environment = (file: string, ...before: string[]) => ({
    LD_PRELOAD: [...before, library].join(" "),
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    FAKETIME_NO_CACHE: "1",
  });
  return {
    environment: (file) => environment(file),
    redisEnvironment: (file) => environment(file, ...(malloc === undefined ? [] : [malloc])),
  };
}

async function install(): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const aptGet = (...args: string[]) =>
    promisify(execFile)("apt-get", [...args, "-o", "DPkg::Lock::Timeout=120"], { env }).then(
      () => true,
      () => false,
    );
  if (await aptGet("install", "-y", "faketime")) return;
  // The package lists are missing or stale.
  if (await aptGet("update")) await aptGet("install", "-y", "faketime");
}
