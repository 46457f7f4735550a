/** Asks this machine for the names that a command line could have, for the completion of shells. */
import { unresponsiveDaemon } from "../cli-session.ts";
import { readFileSync } from "node:fs";
import * as v from "valibot";
import { loadConfig } from "../../../config/config.ts";
import { listCommandsOf } from "../../../peers/remote-command.ts";
import { CommandReportSchema } from "../../daemon/command-report.ts";
import { askDaemon } from "../ask-daemon.ts";
import type { CliSession } from "../cli-session.ts";
import { dialControl } from "../control-client.ts";
import { connectThroughDaemon } from "../peer-connection.ts";
import type { AskNames, Candidate } from "./candidates.ts";

/** The kinds of names that a daemon knows. */
type DaemonKind = "guest" | "command" | "own-command" | "call";

/** The parts of the daemons' answers that are names. */
const GuestsSchema = v.object({ guests: v.array(v.object({ name: v.string(), state: v.string() })) });
const CallsSchema = v.object({
  calls: v.array(v.object({ id: v.string(), command: v.optional(v.string()), isDetached: v.boolean() })),
});

/** Returns the users of this machine. */
export function userNames(): Candidate[] {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  return lines.flatMap((line) => (line.includes(":") ? [{ word: line.split(":", 1)[0] ?? "" }] : []));
}

/**
 * Asks the daemon. `timeoutMs` is the time for its answer. Rejects when it does not answer, and for a user
 * who may not ask it.
 */
export async function askDaemonForNames(
  kind: DaemonKind,
  { role, guest, control: path }: Parameters<AskNames>[1],
  timeoutMs: number,
): Promise<Candidate[]> {
  const control = await dialControl(role, path ?? loadConfig().settings[role].control);
  if (control === undefined) return [];
  await using daemon = control;
  const limit = { timeoutMs };
  if (kind === "guest") {
    const { guests } = await askDaemon(daemon, "status", GuestsSchema, limit);
    return guests.map(({ name, state }) => ({ word: name, text: state }));
  }
  if (kind === "call") {
    const { calls } = await askDaemon(daemon, "calls", CallsSchema, { ...limit, params: {} });
    return calls.flatMap(({ id, command, isDetached }) => (isDetached ? [{ word: id, text: command }] : []));
  }
  if (kind === "own-command") {
    const { commands } = await askDaemon(daemon, "check-commands", CommandReportSchema, limit);
    return commands.map(({ name, user }) => ({
      word: name,
      text: user === null ? "built in" : `as ${user}`,
    }));
  }
  return await askForCommands(daemon, role === "host" ? guest : undefined, timeoutMs);
}

async function askForCommands(
  daemon: CliSession,
  guest: string | undefined,
  timeoutMs: number,
): Promise<Candidate[]> {
  const limits = { timeoutMs, connectTimeoutMs: timeoutMs };
  const target = { ...(guest === undefined ? {} : { guest }), connectTimeoutMs: timeoutMs };
  const { peer } = connectThroughDaemon(daemon, () => unresponsiveDaemon(daemon.role), target);
  const commands = await listCommandsOf(peer, limits);
  return commands.map(({ name, description }) => ({ word: name, text: description }));
}
