import type { Command } from "commander";
import { usageFailure } from "../exit-code.ts";
import { serviceOption, userOption } from "../options.ts";
import type { Values } from "../request/route.ts";
import { variables } from "../variables.ts";

/** Options with the owner of the tasks. */
export interface OwnerOptions {
  readonly service?: string;
  readonly user?: string;
}

/** Adds `--service` and `--user`. */
export function addOwnerOptions(command: Command): Command {
  return command.addOption(serviceOption()).addOption(userOption());
}

/** The service of the options. @throws Failure when it is missing */
export function requireService({ service }: OwnerOptions): string {
  if (service) return service;
  throw usageFailure("no service given", `Pass --service or set ${variables.service.name}.`);
}

/** Path and query values of the owner. @throws Failure when service or user is missing */
export function ownerValues(options: OwnerOptions): Values & { service: string; user_id: string } {
  const service = requireService(options);
  if (options.user) return { service, user_id: options.user };
  throw usageFailure("no user given", `Pass --user or set ${variables.user.name}.`);
}
