/** `attach-command`: gives a caller the kept output of a detached command, and its result. */
import * as v from "valibot";
import { untilAborted } from "../abort.ts";
import type { IncomingCall } from "../wire/calls/incoming-call.ts";
import { defineMethod } from "./method.ts";
import type { Method } from "./method.ts";
import type { ExecuteResult } from "./execute-schemas.ts";
import type { KeptCommand, KeptCommands } from "./kept/kept-commands.ts";
import type { KeptOutput } from "./kept/kept-output.ts";

/** The id of a detached call, as `execute` with `isDetached` had it. */
export const KeptCallId = v.pipe(v.string(), v.minLength(1), v.maxLength(256));

/** `from`: the output from its kept start, or only what comes after now. */
const AttachParams = v.object({ call: KeptCallId, from: v.optional(v.picklist(["start", "now"]), "start") });

/**
 * Returns the method. A caller asks for the streams `stdout` and `stderr`, for one of them, or for none: then
 * it waits for the result only. Its end does not end the command.
 */
export function createAttachCommand(kept: Pick<KeptCommands, "find">): Method {
  return defineMethod({
    name: "attach-command",
    isOpen: true,
    params: AttachParams,
    async run({ call: id, from }, { call, caller }) {
      return { result: await attachTo(kept.find(id, { peer: caller, user: call.caller }), call, from) };
    },
  });
}

/** Gives the call the output of the command. Resolves with its result, when the call has got all of it. */
export async function attachTo(
  command: KeptCommand,
  call: IncomingCall,
  from: "start" | "now",
): Promise<ExecuteResult> {
  const outputs = Promise.all([
    follow(call, "stdout", command.stdout, from),
    follow(call, "stderr", command.stderr, from),
  ]);
  const result = await untilAborted(command.ended, call.signal);
  await untilAborted(outputs, call.signal);
  return result;
}

/**
 * Resolves when the caller has got the stream, or takes no more. Marks it as truncated if bytes are missing.
 */
async function follow(
  call: IncomingCall,
  stream: "stdout" | "stderr",
  output: KeptOutput,
  from: "start" | "now",
): Promise<void> {
  if (!call.streams.written.includes(stream)) return;
  const writer = call.writer(stream);
  const first = from === "start" ? 0 : output.end;
  let sent = 0;
  try {
    for await (const piece of output.read(first)) {
      await writer.write(piece);
      sent += piece.length;
    }
    writer.end({ truncated: output.isTruncated || first + sent < output.end });
  } catch {
    // The caller is gone, or takes no more.
  }
}
