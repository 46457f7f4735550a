/** Runs `execute` and `list-commands` for both roles. */
import { startCall } from "../../peers/call-time.ts";
import type { CallLimits } from "../../peers/call-time.ts";
import { FAULTS, NegotiatorError } from "../../errors.ts";
import { detachOn } from "../../peers/detached-command.ts";
import { commandListOf, executeOn } from "../../peers/remote-command.ts";
import { standardOutput } from "../../standard-output.ts";
import { settlesWithin } from "../../process/settling.ts";
import type { CommandSummary } from "../../methods/command-list.ts";
import { printable, printableJson } from "../../printable.ts";
import { clipText } from "../../wire/message.ts";
import { shorten } from "../../shorten.ts";
import { connectInTime } from "./connect-in-time.ts";
import { print } from "./output.ts";
import type { Connect } from "./peer-connection.ts";
import { waitForCommand } from "./remote-command.ts";
import { hasInput, isTerminal, terminalSize } from "./streams.ts";
import { wrapText } from "./table.ts";
import type { Role } from "../../peers/dialect.ts";
import type { Outcome } from "./subcommand.ts";
import type { AskWaiting, Waiting } from "./waiting.ts";

/** A command to run. */
export type ExecuteLine = {
  command: string;
  args: readonly string[];
  /** The limits of the whole call with its connection. */
  limits: CallLimits;
  /** True if our stdin becomes the command's. A terminal never does. */
  sendsInput: boolean;
  /** Only starts the command, and keeps what it leaves for `keepMs`, or as long as the other side likes. */
  detach?: { keepMs?: number };
  /** Passes the output on to a terminal as it is. */
  isRaw?: boolean;
  /** Finds out what the call waits for, to say it on a terminal. */
  askWaiting?: AskWaiting;
};

/**
 * Runs the command. Its output and its exit code become ours. A failed call gets the exit code of its error,
 * and that of `TIMEOUT` if its deadline has passed before the peer was reached. The process must then exit,
 * whatever still waits in it.
 */
export async function executeThrough(
  connect: Connect,
  { command, args, limits, sendsInput, detach, isRaw, askWaiting }: ExecuteLine,
): Promise<Outcome> {
  const time = startCall(limits);
  const explain = (error: NegotiatorError): NegotiatorError =>
    error.code === "NO_CHANNEL" && time.isUp ? tooLate(error, limits) : error;
  const run = async (): Promise<Outcome> => {
    await using waiting = await sayWaiting(askWaiting);
    const connection = await connectInTime(connect, time);
    try {
      const limit = { timeoutMs: time.left(), connectTimeoutMs: time.leftToConnect() };
      if (detach !== undefined) {
        const { id } = await detachOn(connection.peer, { command, args, ...limit, ...detach });
        return print(printable(id));
      }
      const hasSome = sendsInput && hasInput();
      const remote = executeOn(connection.peer, { command, args, hasInput: hasSome, ...limit });
      return await waitForCommand(remote, limits.timeoutMs, {
        leftMs: time.left(),
        isRaw,
        write: waiting?.write,
      });
    } finally {
      // A peer that reads nothing must not hold up our end.
      const isLate = limits.timeoutMs > 0 && time.left() <= 1;
      const goodbye = Promise.resolve(connection[Symbol.asyncDispose]());
      await settlesWithin(goodbye, GOODBYE_MS[isLate ? "late" : "early"]);
    }
  };
  const outcome = await run().catch(failed);
  const explained = outcome.error && explain(outcome.error);
  const isSame = explained === undefined || explained === outcome.error;
  return { ...outcome, ...(!isSame && failed(explained)), isStuck: true };
}

/** Scripts have no terminal there, and load nothing for it. */
async function sayWaiting(ask: AskWaiting | undefined): Promise<Waiting | undefined> {
  if (ask === undefined || !(await isTerminal("stderr"))) return undefined;
  return (await import("./waiting.ts")).showWaiting(ask);
}

function failed(thrown: unknown): Outcome {
  const error = NegotiatorError.from(thrown);
  return { exitCode: FAULTS[error.code].exitCode, error };
}

/** The most milliseconds for the last messages of a connection and for its audit, by the deadline. */
const GOODBYE_MS = { late: 150, early: 2000 } as const;

function tooLate({ message }: NegotiatorError, { timeoutMs }: CallLimits): NegotiatorError {
  const passed = `The deadline of ${timeoutMs / 1000} s has passed before the call was sent`;
  return new NegotiatorError("TIMEOUT", `${passed}. ${message}`);
}

/** A list of the commands of `from`; without `connectTimeoutMs` only the deadline limits the time. */
export type ListLine = Pick<CallLimits, "timeoutMs"> &
  Partial<CallLimits> &
  Pick<ExecuteLine, "askWaiting"> & { isJson: boolean; from: Role; hasDescriptions?: boolean };

/** An empty list is a result, but a newcomer would not see why it is empty. */
function noCommands(from: Role): NegotiatorError {
  const place = from === "guest" ? "in the guest" : "on the host";
  return new NegotiatorError("NO_COMMAND", `The ${from} offers no command that its policy allows you`, {
    remedy: `Ask ${place} whether its policy is right: negotiator ${from} check-config`,
  });
}

/**
 * Prints the commands sorted by name: one name per line, with `hasDescriptions` and on a terminal with its
 * description, or with `isJson` one object per line. A remark about the other side goes to stderr.
 */
export async function listThrough(
  connect: Connect,
  { from, isJson, hasDescriptions = false, timeoutMs, connectTimeoutMs = 0, askWaiting }: ListLine,
): Promise<Outcome> {
  const time = startCall({ timeoutMs, connectTimeoutMs });
  await using _ = await sayWaiting(askWaiting);
  await using connection = await connectInTime(connect, time);
  const { commands, remark } = await commandListOf(connection.peer, {
    timeoutMs: time.left(),
    connectTimeoutMs: time.leftToConnect(),
  });
  if (commands.length === 0) return { exitCode: 0, error: noCommands(from) };
  if (isJson) return print(commands.map((command) => printableJson(JSON.stringify(command))).join("\n"));
  const columns = (await terminalSize("stdout"))?.columns;
  const isDescribed = hasDescriptions || columns !== undefined;
  const lines = isDescribed ? describeAll(commands, columns) : commands.map(({ name }) => printable(name));
  if (remark !== undefined)
    await standardOutput.write("stderr", `negotiator: ${printable(clipText(remark))}\n`);
  return print(lines.join("\n"));
}

/** A peer of another program may send a description of any length. */
const MOST_DESCRIPTION = 200;

/** One long name must not move all descriptions to the right. */
const MOST_PADDING = 40;

/** In fewer columns, a description stands below its name. */
const FEWEST_COLUMNS = 30;

/**
 * Returns the lines of a list with descriptions, which go on in the next line below themselves. Without
 * `columns` each has one line.
 */
export function describeAll(commands: readonly CommandSummary[], columns = Infinity): string[] {
  const names = commands.map(({ name }) => printable(name));
  const padding = 2 + Math.min(MOST_PADDING, Math.max(...names.map((name) => name.length)));
  const indent = columns - padding < FEWEST_COLUMNS ? 4 : padding;
  return commands.flatMap(({ description = "" }, index) => {
    const text = printable(shorten(description, MOST_DESCRIPTION));
    const [first = "", ...rest] = columns === Infinity ? [text] : wrapText(text, columns - indent);
    const name = (names[index] ?? "").padEnd(padding);
    const begin = indent === padding ? [`${name}${first}`] : [name, first.padStart(indent + first.length)];
    const lines = [...begin, ...rest.map((line) => `${" ".repeat(indent)}${line}`)];
    return lines.map((line) => line.trimEnd()).filter((line) => line !== "");
  });
}
