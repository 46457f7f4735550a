/** The other end as an object: each thing that can be asked of it is one method, whatever dialect it speaks. */
import * as v from "valibot";
import { NegotiatorError } from "../errors.ts";
import { ExecuteResultSchema } from "../methods/execute.ts";
import type { ExecuteResult } from "../methods/execute.ts";
import { CommandListSchema } from "../methods/list-commands.ts";
import type { CommandSummary } from "../methods/list-commands.ts";
import { FIRST_ISSUE } from "../wire/json.ts";
import { clipText } from "../wire/message.ts";
import type { CallId } from "../wire/message.ts";
import type { Answer } from "../wire/calls/outgoing-call.ts";
import type { Session } from "../wire/session/session.ts";
import type { StreamReader } from "../wire/calls/stream-reader.ts";
import type { StreamWriter } from "../wire/calls/stream-writer.ts";
import { answerInTime } from "./deadline.ts";
import type { Pulse } from "./deadline.ts";

export type ExecuteRequest = {
  /** The id that the call has elsewhere already, so that all audit trails name it alike. */
  callId?: CallId;
  command: string;
  args: readonly string[];
  /** Whether there is input; without it the command reads nothing. */
  hasInput: boolean;
  /** Milliseconds that the command may run; 0 is no limit. */
  timeoutMs: number;
};

/** A command that runs at the other end. */
export interface RemoteCommand {
  /** Whether the other side may have heard of it. */
  readonly isSent: boolean;
  /** Undefined when the command has no input. */
  readonly stdin: StreamWriter | undefined;
  readonly stdout: StreamReader;
  readonly stderr: StreamReader;
  /**
   * Comes when the command has ended and its output has come, which somebody has to read. Rejects with a `NegotiatorError`
   * when it never ran, when nobody knows how it ended, or when its output broke off.
   */
  readonly ended: Promise<ExecuteResult>;
  /** Ends the command, and when that has ended already, what is left of its output. */
  cancel(reason: string): void;
}

export interface Peer {
  /** Throws what `Session.call` throws; later failures go to `ended`. */
  execute(request: ExecuteRequest): RemoteCommand;
  /** Milliseconds that the answer may take; 0 is no limit. */
  listCommands(timeoutMs: number): Promise<CommandSummary[]>;
}

type NativePeerOptions = {
  /** Goes into the parameters of every call: to a host's daemon, the guest that it is about. */
  extra?: Record<string, string>;
  /** As for `Session.call`. */
  keepsLines?: boolean;
  /** Why the other side does not answer. */
  explainSilence: () => NegotiatorError;
};

export function createNativePeer(
  session: Pick<Session, "call"> & Pulse,
  { extra = {}, keepsLines = false, explainSilence }: NativePeerOptions,
): Peer {
  return {
    execute({ callId, command, args, hasInput, timeoutMs }) {
      const call = session.call({
        method: "execute",
        ...(callId === undefined ? {} : { id: callId }),
        params: { ...extra, command, args },
        read: ["stdout", "stderr"],
        write: hasInput ? ["stdin"] : [],
        keepsLines,
        ...(timeoutMs > 0 ? { timeoutMs } : {}),
      });
      const ended = check(answerInTime(call, timeoutMs, session, explainSilence), ExecuteResultSchema);
      // Who started it may read its streams only; an end that nobody waits for is no crash.
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
    },
    async listCommands(timeoutMs) {
      const call = session.call({
        method: "list-commands",
        params: extra,
        keepsLines,
        ...(timeoutMs > 0 ? { timeoutMs } : {}),
      });
      return (await check(answerInTime(call, timeoutMs, session, explainSilence), CommandListSchema))
        .commands;
    },
  };
}

/** The result of a call when it has the right shape. Rejects with `BAD_REQUEST` when it has not. */
export async function check<Schema extends v.GenericSchema>(
  answer: Promise<Answer>,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  const { result } = await answer;
  const checked = v.safeParse(schema, result, FIRST_ISSUE);
  if (checked.success) return checked.output;
  const [issue] = checked.issues;
  const problem = `${v.getDotPath(issue) ?? "answer"}: ${issue.message}`;
  throw new NegotiatorError("BAD_REQUEST", `Cannot understand the other side's answer: ${clipText(problem)}`);
}
