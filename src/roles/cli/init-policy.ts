/** The subcommand `policy init`: writes a first policy from the audit. */
import { existsSync, linkSync, lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { createAuditReader } from "../../audit/audit-reader.ts";
import { readEntries } from "../../audit/read-entries.ts";
import type { BadLines } from "../../audit/read-entries.ts";
import { findPolicyFile } from "../../config/config.ts";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { parsePolicy } from "../../policy/policy.ts";
import { printable } from "../../printable.ts";
import { shellWord } from "../../shell-word.ts";
import { standardOutput } from "../../standard-output.ts";
import { createFirstPolicy } from "./first-policy.ts";
import { print } from "./output.ts";
import { readSince } from "./since.ts";
import { isTerminal } from "./streams.ts";
import type { Invocation, Outcome } from "./subcommand.ts";
import { usageError } from "./usage.ts";

/**
 * Shows the policy and writes it. Throws `BAD_CONFIG` if a file is there and `--force` is not given, if the
 * audit has no calls, and if the file cannot be written.
 */
export async function initPolicy(role: "host" | "guest", { words, config }: Invocation): Promise<Outcome> {
  const { options, positionals } = words;
  const [action] = positionals;
  if (action !== "init") throw usageError("action", action, ["init"], `negotiator ${role} policy --help`);
  const { path } = findPolicyFile(config);
  const force = options.has("force");
  const isYes = options.has("yes");
  const mayAsk = (await isTerminal("stdout")) && process.stdin.isTTY;
  if (!force && (isYes || mayAsk) && isTaken(path)) throw isThere(role, path);
  const since = options.get("since")?.at(-1);
  const text = makePolicy(role, config.settings.audit.file, since);
  if (!isYes) {
    await print(text);
    if (!mayAsk) return sayHow(role, path);
    if (!confirm(`Write it to ${printable(path)}?`)) return { exitCode: 1 };
  }
  writePolicy(role, path, { text, force });
  return print(`Wrote ${printable(path)}\nLook at it, then put it in force: negotiator ${role} reload`);
}

function isTaken(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // A file stands in the place of a directory, for example. The write says so.
    return false;
  }
}

function makePolicy(role: "host" | "guest", audit: string, since: string | undefined): string {
  const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : readSince(since, Date.now());
  using reader = createAuditReader(audit, { sinceMs });
  const bad: BadLines = { count: 0, places: [] };
  const entries = readEntries([reader], { isLast: true, bad }).filter(({ timeMs }) => timeMs >= sinceMs);
  const { text, commands } = createFirstPolicy(role, entries);
  if (commands === 0) throw noCalls(role, audit);
  // A mistake here must not become a file that denies everything.
  parsePolicy(text);
  return text;
}

/** Writes the file whole or not at all. Without `force` it replaces no file, not even one that comes now. */
function writePolicy(
  role: "host" | "guest",
  path: string,
  { text, force }: { text: string; force: boolean },
): void {
  const unfinished = `${path}.${process.pid}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    writeFileSync(unfinished, text, { mode: 0o644, flag: "wx", flush: true });
    if (force) renameSync(unfinished, path);
    else linkSync(unfinished, path);
  } catch (thrown) {
    // The system has the same error for a file in the place of the directory.
    if (errnoOf(thrown) === "EEXIST" && isTaken(path)) throw isThere(role, path);
    throw cannotWrite(path, thrown);
  } finally {
    removeUnfinished(unfinished);
  }
}

function removeUnfinished(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Its directory cannot be used, and the user should get the reason of the write.
  }
}

async function sayHow(role: "host" | "guest", path: string): Promise<Outcome> {
  const force = existsSync(path) ? " --force" : "";
  const lines = [
    `negotiator: Nothing was written. To write it: negotiator ${role} policy init --yes${force}`,
    `Or store this output, look at it, and: install -m 644 FILE ${shellWord(path)}`,
  ];
  await standardOutput.write("stderr", `${lines.join("\n")}\n`);
  return { exitCode: 0 };
}

function isThere(role: "host" | "guest", path: string): NegotiatorError {
  return new NegotiatorError(
    "BAD_CONFIG",
    `Cannot write the policy "${printable(path)}": the file is there`,
    {
      remedy: `Add --force to replace it. Only show a new one: negotiator ${role} policy init | cat`,
    },
  );
}

function noCalls(role: "host" | "guest", audit: string): NegotiatorError {
  const caller = role === "host" ? "a guest" : "the host";
  const place = `the audit "${printable(audit)}"`;
  const message = `Cannot make a policy: no command that ${caller} called is in ${place}`;
  return new NegotiatorError("BAD_CONFIG", message, {
    remedy: "Let the daemon run for some days first, or write the rules by hand: docs/POLICY.md",
  });
}

function cannotWrite(path: string, thrown: unknown): NegotiatorError {
  const errno = errnoOf(thrown);
  const isDenied = errno === "EACCES" || errno === "EPERM";
  const condition = isDenied ? "this user may not write there" : NegotiatorError.from(thrown).message;
  return new NegotiatorError("BAD_CONFIG", `Cannot write the policy "${printable(path)}": ${condition}`, {
    remedy: isDenied ? "Write it as root, with sudo" : "Correct it, or the setting policyFile",
    cause: thrown,
  });
}
