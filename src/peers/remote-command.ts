/** Runs and lists commands at a peer of any dialect. */
import * as v from "valibot";
import { NegotiatorError } from "../errors.ts";
import { ExecuteResultSchema } from "../methods/execute-schemas.ts";
import type { ExecuteResult } from "../methods/execute-schemas.ts";
import { CommandListSchema } from "../methods/command-list.ts";
import type { CommandSummary } from "../methods/command-list.ts";
import type { MessageListener } from "../wire/calls/mailbox.ts";
import type { StreamReader } from "../wire/calls/stream-reader.ts";
import type { StreamWriter } from "../wire/calls/stream-writer.ts";
import { FIRST_ISSUE } from "../wire/json.ts";
import { clipText } from "../wire/message.ts";
import type { PeerCallOptions, Peer } from "./peer.ts";

/** A command to run at the peer. */
export type ExecuteRequest = Pick<
  PeerCallOptions,
  "id" | "timeoutMs" | "connectTimeoutMs" | "signal" | "caller"
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
  /** The command's result, once its output has arrived. Rejects as `PeerCall.result` does. */
  readonly ended: Promise<ExecuteResult>;
  /** Sends a message to the command. `signal` has the value `{ signal: "SIGINT" }`. */
  send(name: string, value: unknown): void;
  /**
   * Sets the listener for messages. `signalled` comes after a signal was delivered, and `exited` at the exit
   * of the command, before the rest of its output.
   */
  listen(listener: MessageListener): void;
  /** Asks the peer to end the command. After the command's end, ends its remaining output. */
  cancel(reason: string): void;
}

/** Starts a command at the peer. Throws what `Peer.call` throws. Later failures reject `ended`. */
export function executeOn(
  peer: Peer,
  { command, args, hasInput, ...options }: ExecuteRequest,
): RemoteCommand {
  const write = hasInput ? ["stdin"] : [];
  const call = peer.call("execute", { command, args }, { ...options, read: ["stdout", "stderr"], write });
  const ended = checkResult(call.result, ExecuteResultSchema);
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
    cancel: (reason) => call.cancel(reason),
  };
}

/** The commands that the peer offers, within `timeoutMs`. Rejects as `PeerCall.result` does. */
export async function listCommandsOf(
  peer: Peer,
  options: Pick<PeerCallOptions, "timeoutMs" | "connectTimeoutMs" | "signal">,
): Promise<CommandSummary[]> {
  return (await checkResult(peer.call("list-commands", {}, options).result, CommandListSchema)).commands;
}

/** The result of a call, checked by `schema`. Rejects with `BAD_REQUEST` for an invalid result. */
export async function checkResult<Schema extends v.GenericSchema>(
  result: Promise<unknown>,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  const checked = v.safeParse(schema, await result, FIRST_ISSUE);
  if (checked.success) return checked.output;
  const member = clipText(v.getDotPath(checked.issues[0]) ?? "result");
  const problem = `its member "${member}" is missing or invalid`;
  throw new NegotiatorError("BAD_REQUEST", `Cannot understand the other side's answer: ${problem}`);
}
