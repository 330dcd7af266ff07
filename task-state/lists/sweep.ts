import { keys } from "../redis/keys.ts";
import { scan } from "../redis/scan.ts";
import type { TaskStateContext } from "../task/context.ts";
import { adoptSigned } from "./catch-up.ts";
import { type Repair, repairSet } from "./heal.ts";
import { retire } from "./retire.ts";
import { enforceTombstones } from "./tombstones.ts";

/** The numbers of repairs of a sweep. */
export interface Sweep extends Repair {
  /** Users without tasks, removed from the users of their service. */
  retired: number;
  /** Deleted tasks that a late writer put back, removed again. */
  returned: number;
}

const pieceSize = 500;

/**
 * Brings every index in line with the records: adopts tasks of other programs, drops expired ones, removes users without
 * tasks, removes deleted tasks that were put back. Safe beside every other call, may be repeated, stops at the signal.
 */
export async function sweep(context: TaskStateContext, signal?: AbortSignal): Promise<Sweep> {
  const returned = await enforceTombstones(context, signal);
  if (signal?.aborted) return { adopted: 0, dropped: 0, retired: 0, returned };
  // Regularly, so that no list has many numbers to check.
  const { adopted } = await adoptSigned(context, keys.tasks);
  const total: Sweep = { adopted, dropped: 0, retired: 0, returned };
  const services = new Set<string>();
  for await (const set of indexKeys(context)) {
    if (signal?.aborted) return total;
    const index = parseIndexKey(set);
    if (index.kind === "users") {
      services.add(index.service);
      continue;
    }
    const { adopted, dropped } = await repairSet(context, set, signal);
    total.adopted += adopted;
    total.dropped += dropped;
  }
  for (const service of services) {
    if (signal?.aborted) return total;
    total.retired += await retireUsers(context, service);
  }
  return total;
}

async function retireUsers(context: TaskStateContext, service: string): Promise<number> {
  const { primary } = context;
  const users = keys.users(service);
  let retired = 0;
  for await (const members of scan((cursor) => primary.sscan(users, cursor, "COUNT", pieceSize))) {
    for (const user of members) retired += await retire(context, { service, user });
  }
  for await (const members of scan((cursor) => primary.zscan(keys.ordered(users), cursor, "COUNT", pieceSize))) {
    for (const [index, user] of members.entries()) {
      if (index % 2 === 0) retired += await retire(context, { service, user });
    }
  }
  return retired;
}

/** The names of all shared sets that exist, or whose ordered twin exists. */
async function* indexKeys({ primary }: TaskStateContext): AsyncGenerator<string, void> {
  const seen = new Set<string>();
  const shared = keys.tasks.slice(0, keys.tasks.indexOf(":") + 1);
  for (const prefix of [shared, keys.ordered(shared)]) {
    const pattern = `${prefix}*`;
    for await (const names of scan((cursor) => primary.scan(cursor, "MATCH", pattern, "COUNT", pieceSize))) {
      for (const name of names) {
        const set = name.slice(prefix.length - shared.length);
        if (seen.has(set)) continue;
        seen.add(set);
        yield set;
      }
    }
  }
}

type IndexKey = { readonly kind: "ids" } | { readonly kind: "users"; readonly service: string };

function parseIndexKey(set: string): IndexKey {
  const prefix = keys.service("");
  if (!set.startsWith(prefix)) return { kind: "ids" };
  // A service id never contains such a part (see `identityFault`), so the first one ends it.
  const found = /:users?(:|$)/.exec(set.slice(prefix.length + 1));
  if (found?.[0] !== ":users") return { kind: "ids" };
  return { kind: "users", service: set.slice(prefix.length, prefix.length + 1 + found.index) };
}
