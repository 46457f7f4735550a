/** Runs and lists commands at a peer of any dialect. */
import * as v from "valibot";
import { NegotiatorError } from "../errors.ts";
import { ExecuteResultSchema } from "../methods/execute-schemas.ts";
import type { ExecuteResult } from "../methods/execute-schemas.ts";
import { InfoSchema } from "../methods/info.ts";
import type { Info } from "../methods/info.ts";
import { CommandListSchema } from "../methods/command-list.ts";
import type { CommandListAnswer, CommandSummary } from "../methods/command-list.ts";
import { printable } from "../printable.ts";
import { signalNumber } from "../signals.ts";
import type { FrozenOutgoing } from "../wire/calls/outgoing-call.ts";
import type { MessageListener } from "../wire/calls/mailbox.ts";
import type { StreamReader } from "../wire/calls/stream-reader.ts";
import type { StreamWriter } from "../wire/calls/stream-writer.ts";
import { FIRST_ISSUE } from "../wire/json.ts";
import { clipText } from "../wire/message.ts";
import type { PeerCallOptions, Peer } from "./peer.ts";

/** A command to run at the peer. */
export type ExecuteRequest = Pick<
  PeerCallOptions,
  "id" | "resumed" | "timeoutMs" | "connectTimeoutMs" | "signal" | "caller"
> & {
  command: string;
  args: readonly string[];
  /** True if the command gets input; otherwise its stdin is empty. */
  hasInput: boolean;
};

/** A command that runs at the peer. */
export interface RemoteCommand {
  /** Whether the command takes messages, such as signals. */
  readonly takesMessages: boolean;
  /** Whether the peer may have received the request. */
  readonly isSent: boolean;
  /** Undefined when the command has no input. */
  readonly stdin: StreamWriter | undefined;
  readonly stdout: StreamReader;
  readonly stderr: StreamReader;
  /**
   * The command's result, once its output has arrived. Rejects as `PeerCall.result` does, and with
   * `UNKNOWN_OUTCOME` for a result that does not say how the command ended.
   */
  readonly ended: Promise<ExecuteResult>;
  /** Sends a message to the command. `signal` has the value `{ signal: "SIGINT" }`. */
  send(name: string, value: unknown): void;
  /**
   * Sets the listener for messages. `signalled` comes after a signal was delivered, and `exited` at the exit
   * of the command, before the rest of its output.
   */
  listen(listener: MessageListener): void;
  /** As `PeerCall.freezeOver`. */
  freezeOver?(): FrozenOutgoing | undefined;
  /** Asks the peer to end the command. After the command's end, ends its remaining output. */
  cancel(reason: string): void;
}

/** Starts a command at the peer. Throws what `Peer.call` throws. Later failures reject `ended`. */
export function executeOn(
  peer: Peer,
  { command, args, hasInput, ...options }: ExecuteRequest,
): RemoteCommand {
  return callCommand(peer, "execute", { command, args }, { ...options, hasInput });
}

/** Calls a method that has the streams and the result of `execute`. */
export function callCommand(
  peer: Peer,
  method: string,
  params: unknown,
  { hasInput, ...options }: Omit<ExecuteRequest, "command" | "args">,
): RemoteCommand {
  const write = hasInput ? ["stdin"] : [];
  const call = peer.call(method, params, { ...options, read: ["stdout", "stderr"], write });
  const ended = call.result.then(checkEnd);
  // A caller may read only the streams. Without this, a failure would be an unhandled rejection.
  ended.catch(() => undefined);
  return {
    takesMessages: peer.can.messages,
    get isSent() {
      return call.isSent;
    },
    send: (name, value) => call.send(name, value),
    listen: (listener) => call.listen(listener),
    stdin: hasInput ? call.writer("stdin") : undefined,
    stdout: call.reader("stdout"),
    stderr: call.reader("stderr"),
    ended,
    freezeOver: () => call.freezeOver?.(),
    cancel: (reason) => call.cancel(reason),
  };
}

/**
 * Returns the result of a command. Throws `UNKNOWN_OUTCOME` unless it says how the command ended, because it
 * may have run.
 */
export function checkEnd(result: unknown): ExecuteResult {
  const checked = v.safeParse(ExecuteResultSchema, result, FIRST_ISSUE);
  if (!checked.success) throw unknownEnd(`the member "${memberOf(checked.issues)}" is missing or invalid`);
  const { exitCode, signal, endedBy } = checked.output;
  const name = printable(signal ?? "");
  if (exitCode !== null && signal !== null)
    throw unknownEnd(`it has the exit code ${exitCode} and the signal "${name}"`);
  if (signal !== null && signalNumber(signal) === undefined)
    throw unknownEnd(`it has the unknown signal "${name}"`);
  // At its deadline a command can still run.
  const mayRun = endedBy === "deadline" || endedBy === "limit";
  if (exitCode === null && signal === null && !mayRun)
    throw unknownEnd("it has neither an exit code nor a signal");
  return checked.output;
}

function unknownEnd(problem: string): NegotiatorError {
  return new NegotiatorError(
    "UNKNOWN_OUTCOME",
    `Cannot tell how the command ended: in the answer, ${problem}`,
    {
      remedy: "The command may have run: look into the log and the audit of the side that ran it",
    },
  );
}

function memberOf(issues: readonly [v.BaseIssue<unknown>, ...unknown[]]): string {
  return clipText(v.getDotPath(issues[0]) ?? "result");
}

/** The commands that the peer offers, within `timeoutMs`. Rejects as `PeerCall.result` does. */
export async function listCommandsOf(
  peer: Peer,
  options: Pick<PeerCallOptions, "timeoutMs" | "connectTimeoutMs" | "signal">,
): Promise<CommandSummary[]> {
  return (await commandListOf(peer, options)).commands;
}

/** As `listCommandsOf`, with what there is to say about the peer's agent. */
export async function commandListOf(
  peer: Peer,
  options: Parameters<typeof listCommandsOf>[1],
): Promise<CommandListAnswer> {
  return checkResult(peer.call("list-commands", {}, options).result, CommandListSchema);
}

/** The peer's description of itself, within `timeoutMs`. Rejects as `PeerCall.result` does. */
export function infoOf(
  peer: Peer,
  options: Pick<PeerCallOptions, "timeoutMs" | "connectTimeoutMs" | "signal">,
): Promise<Info> {
  return checkResult(peer.call("info", {}, options).result, InfoSchema);
}

/** The result of a call, checked by `schema`. Rejects with `BAD_REQUEST` for an invalid result. */
export async function checkResult<Schema extends v.GenericSchema>(
  result: Promise<unknown>,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  const checked = v.safeParse(schema, await result, FIRST_ISSUE);
  if (checked.success) return checked.output;
  const problem = `its member "${memberOf(checked.issues)}" is missing or invalid`;
  throw new NegotiatorError("BAD_REQUEST", `Cannot understand the other side's answer: ${problem}`);
}
