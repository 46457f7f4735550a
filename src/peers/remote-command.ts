/** What can be asked of any peer: run a command, list the commands. Written once, for all dialects. */
import * as v from "valibot";
import { NegotiatorError } from "../errors.ts";
import { ExecuteResultSchema } from "../methods/execute.ts";
import type { ExecuteResult } from "../methods/execute.ts";
import { CommandListSchema } from "../methods/list-commands.ts";
import type { CommandSummary } from "../methods/list-commands.ts";
import type { StreamReader } from "../wire/calls/stream-reader.ts";
import type { StreamWriter } from "../wire/calls/stream-writer.ts";
import { FIRST_ISSUE } from "../wire/json.ts";
import { clipText } from "../wire/message.ts";
import type { CallOptions, Peer } from "./peer.ts";

/** A command to run at the other end. */
export type ExecuteRequest = Pick<CallOptions, "id" | "timeoutMs" | "signal"> & {
  command: string;
  args: readonly string[];
  /** Whether there is input; without it the command reads nothing. */
  hasInput: boolean;
};

/** A command that runs at the other end. */
export interface RemoteCommand {
  /** Whether the peer may have received the request. */
  readonly isSent: boolean;
  /** Undefined when the command has no input. */
  readonly stdin: StreamWriter | undefined;
  readonly stdout: StreamReader;
  readonly stderr: StreamReader;
  /** How the command ended, once its output has arrived; rejects as `PeerCall.result` does. */
  readonly ended: Promise<ExecuteResult>;
  /** Ends the command, or what is left of its output when the command has ended already. */
  cancel(reason: string): void;
}

/** Starts a command at the peer. Throws what `Peer.call` throws; later failures reject `ended`. */
export function executeOn(
  peer: Peer,
  { command, args, hasInput, ...options }: ExecuteRequest,
): RemoteCommand {
  const write = hasInput ? ["stdin"] : [];
  const call = peer.call("execute", { command, args }, { ...options, read: ["stdout", "stderr"], write });
  const ended = checkResult(call.result, ExecuteResultSchema);
  // A caller may only read the streams; an end that nothing waits for must not be an unhandled rejection.
  ended.catch(() => undefined);
  return {
    get isSent() {
      return call.isSent;
    },
    stdin: hasInput ? call.writer("stdin") : undefined,
    stdout: call.reader("stdout"),
    stderr: call.reader("stderr"),
    ended,
    cancel: (reason) => call.cancel(reason),
  };
}

/**
 * The commands that the peer offers. The answer may take `timeoutMs`; 0 is no limit. Rejects as
 * `PeerCall.result` does.
 */
export async function listCommandsOf(
  peer: Peer,
  options: Pick<CallOptions, "timeoutMs" | "signal">,
): Promise<CommandSummary[]> {
  return (await checkResult(peer.call("list-commands", {}, options).result, CommandListSchema)).commands;
}

/** The result of a call, of the schema's shape. Rejects with `BAD_REQUEST` for a result of another shape. */
export async function checkResult<Schema extends v.GenericSchema>(
  result: Promise<unknown>,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  const checked = v.safeParse(schema, await result, FIRST_ISSUE);
  if (checked.success) return checked.output;
  const [issue] = checked.issues;
  const problem = `${v.getDotPath(issue) ?? "answer"}: ${issue.message}`;
  throw new NegotiatorError("BAD_REQUEST", `Cannot understand the other side's answer: ${clipText(problem)}`);
}
