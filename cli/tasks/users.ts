import type { Command } from "commander";
import { endpoints } from "../../shared/api/endpoints.ts";
import { describeCommand, type Host } from "../command.ts";
import { outputOption, serviceOption } from "../options.ts";
import { createTable } from "../output/table.ts";
import { parseObject } from "../request/answers.ts";
import { performRemotely } from "../session.ts";
import { columnsOf } from "../shell.ts";
import { type OwnerOptions, requireService } from "./owner.ts";

/** `tasks users` */
export function usersCommand(host: Host): Command {
  const command = describeCommand("users", {
    summary: "List the users who have tasks in a service",
    examples: [
      ["all users of sync", "dms-frontend tasks users --service sync"],
      ["one name per line", "dms-frontend tasks users --service sync --output id"],
    ],
  })
    .addOption(serviceOption())
    .addOption(outputOption());
  return performRemotely<OwnerOptions>(host, command, async (session, options) => {
    const values = { service: requireService(options) };
    const text = await session.client.text({ route: endpoints.listUsers, values });
    if (session.format === "json") {
      await session.line(text);
      return undefined;
    }
    const { users } = parseObject(text);
    const names = Array.isArray(users) ? users.map(String) : [];
    const column = { title: "USER", text: (name: string) => name };
    const table = createTable([column], names, columnsOf(session.shell.stdout), session.paint);
    if (session.format === "table") await session.line(table.header);
    for (const name of names) {
      if (session.format === "jsonl") await session.line(JSON.stringify(name));
      else await session.line(session.format === "table" ? table.line(name) : name);
    }
    return undefined;
  });
}
