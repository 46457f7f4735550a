/** `execute` and `list-commands`: the same for both roles, once there is a way to the other side. */
import { countDown } from "../../delay.ts";
import type { TimeLeft } from "../../delay.ts";
import { FAULTS, NegotiatorError } from "../../errors.ts";
import type { Peer } from "../../peers/peer.ts";
import { printable, printableJson } from "../../printable.ts";
import { print } from "./output.ts";
import { hasInput } from "./streams.ts";
import { waitForCommand } from "./remote-command.ts";
import type { Outcome } from "./subcommand.ts";

/** A way to the other side, for as long as one command line needs it. */
export type PeerConnection = AsyncDisposable & { peer: Peer };

/** Finds the way within the time that is left for all of the call. */
type Connect = (left: TimeLeft) => Promise<PeerConnection>;

/** `wantsInput`: our standard input is the command's, where there is any. */
export type ExecuteLine = {
  command: string;
  args: readonly string[];
  timeoutMs: number;
  wantsInput: boolean;
};

/** Makes the command's output and exit code ours. A failure on the way has the exit code of its fault. */
export async function executeThrough(
  reach: Connect,
  { command, args, timeoutMs, wantsInput }: ExecuteLine,
): Promise<Outcome> {
  try {
    const left = countDown(timeoutMs);
    await using way = await reach(left);
    const givenMs = left();
    const input = wantsInput && hasInput();
    const remote = way.peer.execute({ command, args, hasInput: input, timeoutMs: givenMs });
    return await waitForCommand(remote, { timeoutMs, givenMs });
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    return { exitCode: FAULTS[error.code].exitCode, error };
  }
}

/** One name a line, or with `isJson` one object a line; sorted by name. */
export async function listThrough(
  reach: Connect,
  { timeoutMs, isJson }: { timeoutMs: number; isJson: boolean },
): Promise<Outcome> {
  const left = countDown(timeoutMs);
  await using way = await reach(left);
  const commands = await way.peer.listCommands(left());
  if (commands.length > 0) {
    print(
      commands
        .map((command) => (isJson ? printableJson(JSON.stringify(command)) : printable(command.name)))
        .join("\n"),
    );
  }
  return { exitCode: 0 };
}
