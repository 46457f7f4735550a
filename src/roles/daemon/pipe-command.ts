/** Passes a caller's command on to whom it is for: streams, progress, cancel and end, both ways. */
import { NegotiatorError } from "../../errors.ts";
import type { ExecuteResult } from "../../methods/execute.ts";
import type { RemoteCommand } from "../../peers/peer.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import type { StreamReader } from "../../wire/calls/stream-reader.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";

/** Resolves with how the command ended, its output passed on as far as the caller takes it. */
export async function pipeCommand(call: IncomingCall, remote: RemoteCommand): Promise<ExecuteResult> {
  const cancel = (): void => remote.cancel(NegotiatorError.from(call.signal.reason).message);
  call.signal.addEventListener("abort", cancel, { once: true });
  if (call.signal.aborted) cancel();
  if (remote.stdin !== undefined) void passInput(call.reader("stdin"), remote.stdin);
  const outputs = Promise.all([
    passOutput(remote.stdout, writerOf(call, "stdout")),
    passOutput(remote.stderr, writerOf(call, "stderr")),
  ]);
  try {
    const result = await remote.ended;
    await outputs;
    return result;
  } finally {
    call.signal.removeEventListener("abort", cancel);
  }
}

/** A caller need not ask for every stream; what it did not ask for is read and forgotten. */
function writerOf(call: IncomingCall, stream: string): Pick<StreamWriter, "write" | "end"> {
  if (call.streams.written.includes(stream)) return call.writer(stream);
  return { write: () => Promise.resolve(), end: () => undefined };
}

/** Input that breaks off ends; the caller's own failure comes through `signal`. */
async function passInput(from: StreamReader, to: StreamWriter): Promise<void> {
  try {
    for await (const bytes of from) await to.write(bytes);
  } catch {
    from.cancel();
  }
  to.end();
}

/** When the caller wants no more, the command at the other end is told so by its broken pipe. */
async function passOutput(from: StreamReader, to: Pick<StreamWriter, "write" | "end">): Promise<void> {
  try {
    for await (const bytes of from) await to.write(bytes);
    to.end({ truncated: from.isTruncated });
  } catch {
    from.cancel();
    to.end({ truncated: true });
  }
}
