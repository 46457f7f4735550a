/** Joins a caller's command to the peer that runs it: streams, cancel and end, both ways. */
import type { ExecuteResult } from "../../methods/execute.ts";
import type { RemoteCommand } from "../../peers/remote-command.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import type { StreamReader } from "../../wire/calls/stream-reader.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";

/**
 * Resolves to how the command ended, once its output has gone to the caller, as much of it as the caller
 * takes.
 */
export async function pipeCommand(call: IncomingCall, remote: RemoteCommand): Promise<ExecuteResult> {
  if (remote.stdin !== undefined) void pipeInput(call.reader("stdin"), remote.stdin);
  const outputs = Promise.all([
    pipeOutput(remote.stdout, writerOf(call, "stdout")),
    pipeOutput(remote.stderr, writerOf(call, "stderr")),
  ]);
  const result = await remote.ended;
  await outputs;
  return result;
}

type Sink = Pick<StreamWriter, "write" | "end">;

/** A stream that the caller did not ask for is read and dropped. */
function writerOf(call: IncomingCall, stream: string): Sink {
  if (call.streams.written.includes(stream)) return call.writer(stream);
  return { write: () => Promise.resolve(), end: () => undefined };
}

/** Input that breaks off ends; the caller's own failure comes through the call's signal. */
async function pipeInput(from: StreamReader, to: StreamWriter): Promise<void> {
  try {
    for await (const bytes of from) await to.write(bytes);
  } catch {
    from.cancel();
  }
  to.end();
}

/** When the caller reads no more, the command at the other end gets a broken pipe. */
async function pipeOutput(from: StreamReader, to: Sink): Promise<void> {
  try {
    for await (const bytes of from) await to.write(bytes);
    to.end({ truncated: from.isTruncated });
  } catch {
    from.cancel();
    to.end({ truncated: true });
  }
}
