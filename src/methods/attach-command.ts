/** `attach-command`: gives a caller the kept output of a detached command, and its result. */
import * as v from "valibot";
import { untilAborted } from "../abort.ts";
import type { IncomingCall } from "../wire/calls/incoming-call.ts";
import { defineMethod } from "./method.ts";
import type { CallContext, Method } from "./method.ts";
import type { ExecuteResult } from "./execute-schemas.ts";
import type { KeptCommand } from "./kept/kept-command.ts";
import type { KeptCommands } from "./kept/kept-commands.ts";
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
    async run({ call: id, from }, { call, caller, given, onFreeze }) {
      const command = kept.find(id, { peer: caller, user: call.caller });
      return { result: await attachTo(command, call, { from, given, onFreeze }) };
    },
  });
}

/** Where an attached call begins in the output: the parameter, and how far another program has come. */
export type AttachOptions = Pick<CallContext, "given" | "onFreeze"> & { from: "start" | "now" };

/** The offsets in the output at which the call began and goes on, and how many bytes it has got. */
type Place = { first: number; next: number; sent: number };
type Places = { stdout: Place; stderr: Place };

/**
 * Gives the call the output of the command. Resolves with its result, when the call has got all of it.
 * Rejects with `UNKNOWN_OUTCOME` after the output of a command that was lost.
 */
export async function attachTo(
  command: KeptCommand,
  call: IncomingCall,
  { from, given, onFreeze }: AttachOptions,
): Promise<ExecuteResult> {
  const startOf = ({ end }: KeptOutput): Place => {
    const first = from === "start" ? 0 : end;
    return { first, next: first, sent: 0 };
  };
  const begun = { stdout: startOf(command.stdout), stderr: startOf(command.stderr) };
  // Our own program wrote it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const places = (given as Places | undefined) ?? begun;
  onFreeze(() => places);
  const outputs = Promise.all([
    follow(call, "stdout", command.stdout, places.stdout),
    follow(call, "stderr", command.stderr, places.stderr),
  ]);
  const ended = command.ended.catch(async (thrown: unknown) => {
    await outputs;
    throw thrown;
  });
  const result = await untilAborted(ended, call.signal);
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
  place: Place,
): Promise<void> {
  if (!call.streams.written.includes(stream)) return;
  const writer = call.writer(stream);
  try {
    for await (const piece of output.read(place.next, (next) => void (place.next = next))) {
      // The writer has the piece from here on, also while it waits to send it.
      place.sent += piece.length;
      await writer.write(piece);
    }
    writer.end({ truncated: output.isTruncated || place.first + place.sent < output.end });
  } catch {
    // The caller is gone, or takes no more.
  }
}
