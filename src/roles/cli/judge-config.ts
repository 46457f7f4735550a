/** Checks the config and the policy by themselves. The config was read before: it is valid by itself. */
import { findPolicyFile } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import type { Policy } from "../../policy/policy.ts";
import { readPolicy } from "../../policy/policy-file.ts";
import { readPolicyParts } from "../../policy/policy-parts.ts";
import { findUnconditional } from "../../policy/unconditional.ts";
import { findWalkArounds } from "../../policy/walk-arounds.ts";
import { printable } from "../../printable.ts";
import { FileStatusSchema, warnOfFiles } from "../daemon/file-status.ts";
import { askDaemon } from "./ask-daemon.ts";
import { dialControl } from "./control-client.ts";
import { judgePolicy } from "./judge-policy.ts";
import { print } from "./output.ts";
import type { Invocation, Outcome } from "./subcommand.ts";

const log = logFor("config");

/**
 * Prints what was checked, and says on stderr what a running daemon has not read. Throws `BAD_CONFIG` with
 * `problems`, which are known already, and all that is wrong with the policy.
 */
export async function checkConfig(
  role: "host" | "guest",
  invocation: Invocation,
  problems: readonly string[],
): Promise<Outcome> {
  const { config } = invocation;
  for (const warning of config.warnings) log.warn(warning);
  const file = findPolicyFile(config);
  const found = [...problems];
  let policy: Policy | undefined;
  try {
    policy = readPolicy(file);
    for (const way of findWalkArounds(policy)) log.warn(way);
    if (role === "guest" && config.settings.guest.qga !== "no")
      for (const rule of findUnconditional(policy)) log.warn(rule);
    const judgement = await judgePolicy(role, config, policy, file.path);
    found.push(...judgement.problems);
    for (const warning of judgement.warnings) log.warn(warning);
  } catch (thrown) {
    found.push(NegotiatorError.from(thrown).message);
  }
  if (found.length > 0) throw new NegotiatorError("BAD_CONFIG", found.join("\n"));
  const read = [...new Set(config.origins.values())].filter((origin) => origin.startsWith("/"));
  const lines = [
    ...(read.length === 0
      ? ["config: every setting has its default"]
      : read.map((path) => `config: ${path} is right`)),
    ...(policy?.kind === "rules"
      ? readPolicyParts(file.path).map(({ path }) => `policy: ${path} is right`)
      : [`policy: there is none at ${file.path}, so a daemon that starts now allows everything`]),
  ];
  const outcome = await print(lines.map(printable).join("\n"));
  await warnOfDaemon(role, invocation);
  return outcome;
}

/** The files may be right, and a daemon that runs may not have read them. */
async function warnOfDaemon(role: "host" | "guest", { config, words }: Invocation): Promise<void> {
  // The user asks about the files of another config than that of the daemon.
  if (words.options.has("config")) return;
  try {
    await using control = await dialControl(role, config.settings[role].control);
    if (control === undefined) return;
    await warnOfFiles(await askDaemon(control, "status", FileStatusSchema, { timeoutMs: DAEMON_TIMEOUT_MS }));
  } catch {
    // This user may lack the right to ask, and the files are right all the same.
  }
}

/** A daemon that hangs must not hold up the check. */
const DAEMON_TIMEOUT_MS = 2000;
