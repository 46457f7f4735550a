/** Runs a detached command, and keeps its output and its result. */
import { NegotiatorError } from "../../errors.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import type { CallContext, MethodAnswer } from "../method.ts";
import type { KeptCommand } from "./kept-command.ts";
import type { KeptCommands } from "./kept-commands.ts";

/** Whether the output of the call is kept: its caller does not take it, and wants the call to go on. */
export function isKept({ isDetached, streams }: Pick<IncomingCall, "isDetached" | "streams">): boolean {
  return isDetached && streams.written.length === 0;
}

/** Rejects as `run` does. `run` finishes the command that it gets, if it was started. */
export async function keepWhileRunning(
  kept: Pick<KeptCommands, "begin">,
  command: string,
  { call, caller }: Pick<CallContext, "call" | "caller">,
  run: (command: KeptCommand) => Promise<MethodAnswer>,
): Promise<MethodAnswer> {
  const asker = { peer: caller, user: call.caller };
  const detached = kept.begin(asker, { id: call.id, command, keepMs: call.keepMs });
  try {
    return await run(detached);
  } catch (thrown) {
    detached.fail(NegotiatorError.from(thrown));
    throw thrown;
  }
}
