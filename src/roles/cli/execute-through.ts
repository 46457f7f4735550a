/** `execute` and `list-commands`: the same for both roles, once the peer is connected. */
import { countDown } from "../../delay.ts";
import { FAULTS, NegotiatorError } from "../../errors.ts";
import { executeOn, listCommandsOf } from "../../peers/remote-command.ts";
import { printable, printableJson } from "../../printable.ts";
import { print } from "./output.ts";
import type { Connect } from "./peer-connection.ts";
import { waitForCommand } from "./remote-command.ts";
import { hasInput } from "./streams.ts";
import type { Outcome } from "./subcommand.ts";

/** A command to run. `sendsInput`: our standard input becomes the command's, unless it is a terminal. */
export type ExecuteLine = {
  command: string;
  args: readonly string[];
  /** Milliseconds for all of the call, connecting included; 0 is no limit. */
  timeoutMs: number;
  sendsInput: boolean;
};

/**
 * Runs the command; its output and exit code become ours. A failure of ours has the exit code of its fault.
 */
export async function executeThrough(
  connect: Connect,
  { command, args, timeoutMs, sendsInput }: ExecuteLine,
): Promise<Outcome> {
  try {
    const left = countDown(timeoutMs);
    await using connection = await connect(left);
    const givenMs = left();
    const request = { command, args, hasInput: sendsInput && hasInput(), timeoutMs: givenMs };
    return await waitForCommand(executeOn(connection.peer, request), { timeoutMs, givenMs });
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    return { exitCode: FAULTS[error.code].exitCode, error };
  }
}

/** Prints one name a line, or with `isJson` one object a line; sorted by name. */
export async function listThrough(
  connect: Connect,
  { timeoutMs, isJson }: { timeoutMs: number; isJson: boolean },
): Promise<Outcome> {
  const left = countDown(timeoutMs);
  await using connection = await connect(left);
  const commands = await listCommandsOf(connection.peer, { timeoutMs: left() });
  if (commands.length === 0) return { exitCode: 0 };
  const lines = commands.map((command) =>
    isJson ? printableJson(JSON.stringify(command)) : printable(command.name),
  );
  return print(lines.join("\n"));
}
