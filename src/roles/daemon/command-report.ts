/** Reports the commands of this machine to its administrator. A method of the control socket returns it. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import type { Command, CommandList } from "../../methods/commands.ts";
import { defineMethod } from "../../methods/method.ts";
import type { Method } from "../../methods/method.ts";
import type { UserCache } from "../../process/user-cache.ts";

/** Checks a report. `user` is null for a built-in command, and `path` too. */
export const CommandReportSchema = v.object({
  commands: v.array(
    v.object({
      name: v.string(),
      kind: v.picklist(["user", "builtin"]),
      user: v.nullable(v.string()),
      path: v.nullable(v.string()),
    }),
  ),
  /** Messages of errors. */
  problems: v.array(v.string()),
  /** Paths of executables whose names are not offered. */
  refusedNames: v.array(v.string()),
});

/** The commands with the users that run them, and the files that are not offered. */
export type CommandReport = v.InferOutput<typeof CommandReportSchema>;

/** Returns the method `check-commands` of the control socket, which gives what `report` resolves with. */
export function createCommandsCheck(report: () => Promise<CommandReport>): Method {
  return defineMethod({
    name: "check-commands",
    isOpen: true,
    params: v.optional(v.object({})),
    run: async () => ({ result: await report() }),
  });
}

/** Resolves with the report. `uid` is our own user, as which commands run that name no user. */
export async function reportCommands(
  { commands, problems, refusedNames }: CommandList,
  users: UserCache,
  uid: number,
): Promise<CommandReport> {
  await users.load(commands.map((command) => userOf(command) ?? uid));
  const unusable: string[] = [];
  const rows = commands.map(async (command): Promise<CommandReport["commands"][number]> => {
    const { name, kind } = command;
    if (command.kind === "builtin") return { name, kind, user: null, path: null };
    const user = await nameOf(command, users, uid).catch((thrown: unknown) => {
      unusable.push(`Cannot run "${command.path}": ${NegotiatorError.from(thrown).message}`);
      return command.user ?? String(uid);
    });
    return { name, kind, user, path: command.path };
  });
  return {
    commands: await Promise.all(rows),
    problems: [...problems.map(({ message }) => message), ...unusable],
    refusedNames: [...refusedNames],
  };
}

function userOf(command: Command): string | undefined {
  return command.kind === "user" ? command.user : undefined;
}

async function nameOf(command: Command, users: UserCache, uid: number): Promise<string> {
  return (await users.find(userOf(command) ?? uid)).name;
}
