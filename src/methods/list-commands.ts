/** `list-commands`: what this side offers to the caller. */
import * as v from "valibot";
import { logFor } from "../log.ts";
import { listCommands } from "./commands.ts";
import type { Command, CommandSources } from "./commands.ts";
import { defineMethod } from "./method.ts";
import type { Method } from "./method.ts";

/** What a peer learns of a command; where it lies is nobody else's business. */
export const CommandSummarySchema = v.object({
  name: v.string(),
  kind: v.picklist(["user", "builtin"]),
  description: v.exactOptional(v.string()),
  timeoutSeconds: v.exactOptional(v.number()),
  stdin: v.exactOptional(v.boolean()),
});
export type CommandSummary = v.InferOutput<typeof CommandSummarySchema>;

export const CommandListSchema = v.object({ commands: v.array(CommandSummarySchema) });

const log = logFor("commands");

type ListOptions = { sources: () => CommandSources };

export function createListCommands({ sources }: ListOptions): Method {
  return defineMethod({
    name: "list-commands",
    isOpen: true,
    params: v.optional(v.object({})),
    async run(_params, { isOffered }) {
      const { commands, problems } = await listCommands(sources());
      for (const { message } of problems) warnOnce(message);
      const offered = commands.filter(({ name }) => isOffered(name));
      return { result: { commands: offered.map(summarise) } };
    },
  });
}

/** Problems that were told: a peer that asks again and again must not fill the log with them. */
const told = new Set<string>();
const TOLD_PROBLEMS = 1000;

function warnOnce(message: string): void {
  if (told.has(message)) return;
  if (told.size >= TOLD_PROBLEMS) told.clear();
  told.add(message);
  log.warn(message);
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
