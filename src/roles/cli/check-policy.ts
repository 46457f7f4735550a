/** The subcommand `check-policy`: shows how the policy decides a call, and by which rule. */
import { findPolicyFile } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import { selectBuiltins } from "../../methods/builtin/builtins.ts";
import { logFor } from "../../log.ts";
import { resolveCommand } from "../../methods/commands.ts";
import type { Command } from "../../methods/commands.ts";
import { readPolicy } from "../../policy/policy-file.ts";
import { printable } from "../../printable.ts";
import { createUserCache } from "../../process/user-cache.ts";
import { standardOutput } from "../../standard-output.ts";
import { ourUid } from "../../trust/ownership.ts";
import { checkCall, checkLocally, listLocally } from "../daemon/call-check.ts";
import { toRequest, VerdictSchema } from "../daemon/policy-check-method.ts";
import type { CheckParams, DaemonVerdict } from "../daemon/policy-check-method.ts";
import { askDaemon } from "./ask-daemon.ts";
import { dialControl } from "./control-client.ts";
import { print } from "./output.ts";
import type { Invocation, Outcome } from "./subcommand.ts";

const log = logFor("policy");

/**
 * Prints the rules up to the one that decides, by the running daemon, or by the file if none runs. The exit
 * code is 0 if the call would run; 1 if it is denied, if its command or user is missing, or if the daemon has
 * not read the file as it is now. Throws `BAD_CONFIG` for a policy that cannot be used, if no daemon runs.
 */
export async function checkPolicy(
  role: "host" | "guest",
  invocation: Invocation,
  params: CheckParams,
): Promise<Outcome> {
  const verdict =
    (await askVerdict(role, invocation, params)) ?? (await readVerdict(role, invocation, params));
  const { steps, isAllowed, problems, warnings: ways, stale } = verdict;
  await print(steps.map(printable).join("\n"));
  const warnings = [
    ...problems.map((problem) => `The call would fail: ${problem}`),
    ...(stale === null ? [] : [stale]),
  ];
  const lines = warnings.flatMap((warning) => warning.split("\n")).map(printable);
  for (const way of ways) log.warn(way);
  if (lines.length > 0) await standardOutput.write("stderr", `negotiator: ${lines.join("\n")}\n`);
  return { exitCode: isAllowed && lines.length === 0 ? 0 : 1 };
}

/** Returns undefined when no daemon runs, and when this user may not ask it. */
async function askVerdict(
  role: "host" | "guest",
  { config, words }: Invocation,
  params: CheckParams,
): Promise<DaemonVerdict | undefined> {
  // The user asks about the files of another config than that of the daemon.
  if (words.options.has("config")) return undefined;
  try {
    await using control = await dialControl(role, config.settings[role].control);
    return control && (await askDaemon(control, "check-policy", VerdictSchema, { params }));
  } catch (thrown) {
    const { code } = NegotiatorError.from(thrown);
    if (code === "DENIED" || code === "UNKNOWN_METHOD") return undefined;
    throw thrown;
  }
}

async function readVerdict(
  role: "host" | "guest",
  { config }: Invocation,
  params: CheckParams,
): Promise<DaemonVerdict> {
  const policy = readPolicy(findPolicyFile(config));
  const sources = {
    ...listLocally(config.settings),
    ...checkLocally(role, params.guest),
    directories: config.settings.commandsDirectory,
    builtins: selectBuiltins(config.settings.builtIns),
    uid: ourUid(),
    moreNames: config.settings.commandNames,
  };
  const find = (command: string): Promise<Command> => resolveCommand(command, sources, () => true);
  const verdict = await checkCall(policy, await toRequest(params), { find, users: createUserCache() });
  return { ...verdict, stale: null };
}
