/** Pipes a caller's streams to the command at the peer, and the command's output to the caller. */
import type { ExecuteResult } from "../../methods/execute-schemas.ts";
import type { RemoteCommand } from "../../peers/remote-command.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import type { StreamReader } from "../../wire/calls/stream-reader.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";

/**
 * The command's result, once its output has gone to the caller. Output that the caller does not take is
 * dropped. Rejects if the call fails.
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

/** An unread stream would block the command, so a stream that the caller did not ask for is dropped. */
function writerOf(call: IncomingCall, stream: string): Sink {
  if (call.streams.written.includes(stream)) return call.writer(stream);
  return { write: () => Promise.resolve(), end: () => undefined };
}

/**
 * Input that breaks off gets no end, because a part would look like the whole. The call is cancelled then.
 */
async function pipeInput(from: StreamReader, to: StreamWriter): Promise<void> {
  try {
    for await (const bytes of from) await to.write(bytes);
    to.end();
  } catch {
    from.cancel();
  }
}

async function pipeOutput(from: StreamReader, to: Sink): Promise<void> {
  try {
    for await (const bytes of from) await to.write(bytes);
    to.end({ truncated: from.isTruncated });
  } catch {
    from.cancel();
    to.end({ truncated: true });
  }
}
