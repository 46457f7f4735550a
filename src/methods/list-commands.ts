/** `list-commands`: lists the commands that the caller may run. */
import * as v from "valibot";
import { logFor } from "../log.ts";
import { createLimitedLog } from "../policy/limited-log.ts";
import { createQuota } from "../policy/quota.ts";
import type { CommandCatalogue } from "./catalogue.ts";
import type { Command } from "./commands.ts";
import type { CommandSummary } from "./command-list.ts";
import { defineMethod } from "./method.ts";
import type { Method } from "./method.ts";

const log = logFor("commands");

/** Callers may ask often, so each unsafe file is logged once a day. */
const LOGGED_PROBLEMS = { calls: 1, perMs: 24 * 3_600_000 };

type ListOptions = { commands: Pick<CommandCatalogue, "list"> };

/** Returns the method. Logs the problems of unsafe files that it finds. */
export function createListCommands({ commands: catalogue }: ListOptions): Method {
  const warn = createLimitedLog({
    write: (message) => log.warn(message),
    rate: LOGGED_PROBLEMS,
    now: () => performance.now(),
    quota: createQuota(),
  });
  return defineMethod({
    name: "list-commands",
    isOpen: true,
    params: v.optional(v.object({})),
    async run(_params, { isOffered }) {
      const { commands, problems } = await catalogue.list();
      for (const { message } of problems) warn([message], message);
      const offered = commands.filter(({ name }) => isOffered(name));
      return { result: { commands: offered.map(summarise) } };
    },
  });
}

function summarise(command: Command): CommandSummary {
  if (command.kind === "builtin")
    return { name: command.name, kind: "builtin", description: command.description };
  const { name, kind, description, timeoutSeconds, stdin } = command;
  return {
    name,
    kind,
    ...(description === undefined ? {} : { description }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(stdin === undefined ? {} : { stdin }),
  };
}
