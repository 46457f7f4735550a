/** Checks what would happen to a call under a policy: the decision, the user, and the command itself. */
import type { Settings } from "../../config/settings.ts";
import { NegotiatorError } from "../../errors.ts";
import type { Command, CommandWords } from "../../methods/commands.ts";
import { fullErrorOf } from "../../methods/public-error.ts";
import type { Role } from "../../peers/dialect.ts";
import { decide, explain } from "../../policy/policy.ts";
import type { Policy } from "../../policy/policy.ts";
import { findWalkAroundsOf } from "../../policy/walk-arounds.ts";
import type { PolicyRequest } from "../../policy/rule-match.ts";
import { findUserOf } from "../../process/user-cache.ts";
import type { UserCache } from "../../process/user-cache.ts";
import { shellLine, shellWord } from "../../shell-word.ts";

/**
 * The verdict on a call. `steps` are the rules up to the deciding one, and the decision. `problems` say why
 * an allowed call would fail all the same. `warnings` say how other words could lead around a rule that
 * denies.
 */
export type CallVerdict = { steps: string[]; isAllowed: boolean; problems: string[]; warnings: string[] };

/** Where commands and users come from; `find` resolves with a command, or rejects as a call of it would. */
export type CheckSources = { find: (command: string) => Promise<Command>; users: UserCache };

/** Returns the verdict. Rejects with `BAD_CONFIG` for a policy that cannot be used. */
export async function checkCall(
  policy: Policy,
  request: PolicyRequest,
  { find, users }: CheckSources,
): Promise<CallVerdict> {
  if (policy.kind === "invalid") throw new NegotiatorError("BAD_CONFIG", policy.problem);
  const decision = decide(policy, request);
  const steps = explain(policy, request);
  if (!decision.allowed) return { steps, isAllowed: false, problems: [], warnings: [] };
  const { caller, resource } = request;
  const warnings = typeof decision.rule === "number" ? findWalkAroundsOf(policy, request, decision.rule) : [];
  // The other side runs what a local user calls.
  if (caller.via === "local") return { steps, isAllowed: true, problems: [], warnings };
  const problems = [
    await problemOf(async () => {
      if (decision.user === undefined) return;
      await findUserOf(decision.user, `rule ${decision.rule} of the policy`, users);
    }),
    await problemOf(async () => {
      if (resource.kind !== "command") return;
      const command = await find(resource.name);
      if (command.kind === "user" && command.user !== undefined)
        await findUserOf(command.user, `${command.path}.toml`, users);
    }),
  ];
  return { steps, isAllowed: true, problems: problems.flat(), warnings };
}

/** The command line that lists the commands of this machine, for messages. */
export function listLocally({ commandsDirectory }: Pick<Settings, "commandsDirectory">): { lister: string } {
  return { lister: `ls -l ${shellLine(commandsDirectory)}` };
}

/** Returns what messages about the commands of this role need; a host's checks have the name of a guest. */
export function checkLocally(role: Role, guest?: string): Pick<CommandWords, "role" | "checker"> {
  const words = role === "guest" ? "" : ` ${guest === undefined ? "GUEST" : shellWord(guest)}`;
  return { role, checker: (command) => `negotiator ${role} check-policy${words} ${shellWord(command)}` };
}

async function problemOf(look: () => Promise<unknown>): Promise<string[]> {
  try {
    await look();
    return [];
  } catch (thrown) {
    return [fullErrorOf(NegotiatorError.from(thrown)).message];
  }
}
