/** Runs `execute` and `list-commands` for both roles. */
import { countDown } from "../../delay.ts";
import { FAULTS, NegotiatorError } from "../../errors.ts";
import { executeOn, listCommandsOf } from "../../peers/remote-command.ts";
import { printable, printableJson } from "../../printable.ts";
import { print } from "./output.ts";
import type { Connect } from "./peer-connection.ts";
import { waitForCommand } from "./remote-command.ts";
import { hasInput } from "./streams.ts";
import type { Outcome } from "./subcommand.ts";

/** A command to run. */
export type ExecuteLine = {
  command: string;
  args: readonly string[];
  /** Milliseconds for the whole call with its connection; 0 for no limit. */
  timeoutMs: number;
  /** True if our stdin becomes the command's. A terminal never does. */
  sendsInput: boolean;
};

/**
 * Runs the command. Its output and its exit code become ours. A failed call gets the exit code of its error.
 */
export async function executeThrough(
  connect: Connect,
  { command, args, timeoutMs, sendsInput }: ExecuteLine,
): Promise<Outcome> {
  try {
    const left = countDown(timeoutMs);
    await using connection = await connect(left);
    const request = { command, args, hasInput: sendsInput && hasInput(), timeoutMs: left() };
    return await waitForCommand(executeOn(connection.peer, request), timeoutMs);
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    return { exitCode: FAULTS[error.code].exitCode, error };
  }
}

/** Prints the commands sorted by name: one name per line, or with `isJson` one object per line. */
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
