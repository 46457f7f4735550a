/** `execute` and `list-commands`: the same for both roles, once there is a way to the other side. */
import { FAULTS, NegotiatorError } from "../errors.ts";
import type { Peer } from "../peers/peer.ts";
import { printable, printableJson } from "../printable.ts";
import { print } from "./cli-output.ts";
import { hasInput } from "./cli-streams.ts";
import { attend } from "./remote-command.ts";
import type { Outcome } from "./subcommand.ts";

/** A way to the other side, for as long as one command line needs it. */
export type Reach = AsyncDisposable & { peer: Peer };

/** `wantsInput`: our standard input is the command's, where there is any. */
export type ExecuteLine = {
  command: string;
  args: readonly string[];
  timeoutMs: number;
  wantsInput: boolean;
};

/** Makes the command's output and exit code ours. A failure on the way has the exit code of its fault. */
export async function executeThrough(
  reach: () => Promise<Reach>,
  { wantsInput, ...line }: ExecuteLine,
): Promise<Outcome> {
  try {
    await using way = await reach();
    const remote = way.peer.execute({ ...line, hasInput: wantsInput && hasInput() });
    return await attend(remote, line.timeoutMs);
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    return { exitCode: FAULTS[error.code].exitCode, error };
  }
}

/** One name a line, or with `isJson` one object a line; sorted by name. */
export async function listThrough(
  reach: () => Promise<Reach>,
  { timeoutMs, isJson }: { timeoutMs: number; isJson: boolean },
): Promise<Outcome> {
  await using way = await reach();
  const commands = await way.peer.listCommands(timeoutMs);
  if (commands.length > 0) {
    print(
      commands
        .map((command) => (isJson ? printableJson(JSON.stringify(command)) : printable(command.name)))
        .join("\n"),
    );
  }
  return { exitCode: 0 };
}
