import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A directory for Redis's files. */
export interface Disk {
  readonly directory: string;
  /** Fills it to the last byte until it is emptied; absent where it is the machine's own disk. */
  readonly fill?: () => Promise<void>;
  /** Ends that. */
  empty(): Promise<void>;
  remove(): Promise<void>;
}

const run = promisify(execFile);
const mounts = new Set<string>();

// A test run that ends early must not leave file systems behind.
process.once("exit", () => {
  for (const directory of mounts) spawnSync("umount", ["-l", directory]);
});

const megabytes = 48;

/** A small disk of its own for root, else a plain directory; then one line on standard error says so. */
export async function makeDisk(): Promise<Disk> {
  const directory = await mkdtemp(join(tmpdir(), "dms-history-"));
  const filling = join(directory, "filling");
  const empty = () => rm(filling, { force: true });
  const mounted = await run("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", directory]).then(
    () => true,
    () => false,
  );
  if (mounted) mounts.add(directory);
  else process.stderr.write("No file system can be mounted here: no disk is filled\n");
  return {
    directory,
    ...(mounted ? { fill: () => writeFile(filling, Buffer.alloc((megabytes + 1) * 1024 * 1024)).catch(() => {}) } : {}),
    empty,
    async remove() {
      if (mounted) await run("umount", ["-l", directory]);
      mounts.delete(directory);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
