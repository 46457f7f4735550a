/** Writes a first policy: rules that allow what the audit says was called. */
import type { ReadEntry } from "../../audit/read-entries.ts";
import { printable, printableJson } from "../../printable.ts";
import { shellLine } from "../../shell-word.ts";
import { shorten } from "../../shorten.ts";

/** The policy as TOML, and what it was made of. */
export type FirstPolicy = { text: string; calls: number; commands: number };

/** How a command was called. */
type Use = { guests: Set<string>; calls: number; hasArguments: boolean; examples: Set<string> };

const MOST_EXAMPLES = 3;
const EXAMPLE_LENGTH = 70;
/** A caller who tries names must not make the policy large. */
const MOST_COMMANDS = 1000;

/**
 * Returns the policy for the calls of the other side that ran a command here. A command that never had
 * arguments is allowed without arguments only. `role` is that of this machine: a host names its guests.
 */
export function createFirstPolicy(role: "host" | "guest", entries: Iterable<ReadEntry>): FirstPolicy {
  const uses = new Map<string, Use>();
  let calls = 0;
  for (const { members } of entries) {
    const command = commandOf(role, members);
    if (command === undefined || (!uses.has(command) && uses.size >= MOST_COMMANDS)) continue;
    calls++;
    addUse(uses, command, members);
  }
  const rules = [...Map.groupBy(uses, ([, use]) => groupOf(use)).values()].map((group) =>
    formatRule(role, group),
  );
  const head = [
    `# Made by "negotiator ${role} policy init" of ${calls} calls in the audit of this ${role}.`,
    "# The first rule that matches decides. A call that no rule matches is denied.",
    "# Look at each rule, and take out what you do not want: docs/POLICY.md, negotiator-policy(5).",
  ];
  return { text: `${[head.join("\n"), ...rules].join("\n\n")}\n`, calls, commands: uses.size };
}

type Members = ReadEntry["members"];

/** Returns the command of the end of a call that ran here; undefined for other entries. */
function commandOf(role: "host" | "guest", members: Members): string | undefined {
  const { role: writer, direction, method, event, decision, command, exitCode, signal } = members;
  const isOurs = writer === role && direction === "incoming" && method === "execute";
  // A start has an end, and a call that ran nothing has neither exit code nor signal.
  const hasRun =
    event === undefined && decision === "allowed" && (exitCode !== undefined || signal !== undefined);
  return isOurs && hasRun && typeof command === "string" ? command : undefined;
}

function addUse(
  uses: Map<string, Use>,
  command: string,
  { peer, arguments: args, argumentCount }: Members,
): void {
  const use = uses.get(command) ?? { guests: new Set(), calls: 0, hasArguments: false, examples: new Set() };
  uses.set(command, use);
  use.calls++;
  const guest = typeof peer === "object" && peer !== null && "guest" in peer ? peer.guest : undefined;
  if (typeof guest === "string") use.guests.add(guest);
  const words = Array.isArray(args) ? args.filter((arg) => typeof arg === "string") : [];
  if (words.length === 0 && argumentCount === undefined) return;
  use.hasArguments = true;
  if (words.length > 0 && use.examples.size < MOST_EXAMPLES)
    use.examples.add(shorten(printable(shellLine(words)), EXAMPLE_LENGTH));
}

/** Commands of the same guests that never had arguments share a rule. */
function groupOf({ guests, hasArguments, examples }: Use): string {
  return JSON.stringify([[...guests].toSorted(), hasArguments, hasArguments ? [...examples] : []]);
}

function formatRule(
  role: "host" | "guest",
  group: readonly (readonly [command: string, use: Use])[],
): string {
  const [[, first] = ["", undefined]] = group;
  const calls = group.reduce((sum, [, use]) => sum + use.calls, 0);
  const seen = [...(first?.examples ?? [])].map((example) => `# with: ${example}`);
  const guests = [...(first?.guests ?? [])].toSorted();
  return [
    `# ${calls === 1 ? "1 call" : `${calls} calls`}`,
    ...seen,
    "[[rules]]",
    'action = "allow"',
    ...(role === "host" && guests.length > 0 ? [`guests = ${formatList(guests)}`] : []),
    `commands = ${formatList(group.map(([command]) => command).toSorted())}`,
    ...(first?.hasArguments === true ? [] : ["arguments = []"]),
  ].join("\n");
}

/** A JSON text is a TOML text too, if it has no control characters. */
function formatList(names: readonly string[]): string {
  const items = names.map((name) => printableJson(JSON.stringify(name.replaceAll(/[*?\\]/g, "\\$&"))));
  const line = `[${items.join(", ")}]`;
  return line.length < 90 ? line : `[\n${items.map((item) => `  ${item},`).join("\n")}\n]`;
}
