import type { Command } from "commander";
import { usageFailure } from "../exit-code.ts";
import { serviceOption, userOption } from "../options.ts";
import type { Values } from "../request/route.ts";
import { variables } from "../variables.ts";

/** Whose tasks a command is about. */
export interface OwnerOptions {
  readonly service?: string;
  readonly user?: string;
}

/** Adds `--service` and `--user`. */
export function addOwnerOptions(command: Command): Command {
  return command.addOption(serviceOption()).addOption(userOption());
}

/** The service that was named. */
export function requireService({ service }: OwnerOptions): string {
  if (service) return service;
  throw usageFailure("which service?", `Name it with --service or in ${variables.service.name}.`);
}

/** Path and query values of the owner that was named. */
export function ownerValues(options: OwnerOptions): Values & { service: string; user_id: string } {
  const service = requireService(options);
  if (options.user) return { service, user_id: options.user };
  throw usageFailure("which user?", `Name it with --user or in ${variables.user.name}.`);
}
