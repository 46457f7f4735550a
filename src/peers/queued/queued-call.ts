/**
 * A call in a dialect without streams: its input goes out in one piece. Its output can be passed on while the
 * answer arrives.
 */
import { untilAborted } from "../../abort.ts";
import { NegotiatorError } from "../../errors.ts";
import { cancelled } from "../../wire/calls/cancelled.ts";
import type { StreamReader } from "../../wire/calls/stream-reader.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";
import { createCallDeadline } from "./call-deadline.ts";
import type { CallDeadline } from "./call-deadline.ts";
import type { PeerLine } from "../dialect.ts";
import { createInputCollector } from "./input-collector.ts";
import { createLateReader, readBytes } from "./late-reader.ts";
import type { LateReader } from "./late-reader.ts";
import { createOutputPipe } from "./output-pipe.ts";
import type { OutputPipe } from "./output-pipe.ts";
import { cancelOnAbort } from "../native.ts";
import type { PeerCallOptions, Peer, PeerCall } from "../peer.ts";
import { noStream } from "../../wire/calls/call-streams.ts";

/** The result of a call. */
export type ExchangeAnswer = { result: unknown };

/** Takes the output of a call, which becomes its stream `stdout`. */
export type CallOutput = {
  /** Waits while the reader is far behind. */
  write: (bytes: Uint8Array) => Promise<void>;
};

/** A call to start. */
export type QueuedCallOptions = {
  method: string;
  params: unknown;
  options: PeerCallOptions;
  /** The dialect's name in messages. */
  label: string;
  /** Most bytes of input. */
  inputBytes: number;
  line: Pick<PeerLine, "life" | "upgradedPeer">;
  /** Makes the call with all of its input. Resolves to undefined if the call is for the upgraded peer. */
  make: (
    input: Uint8Array,
    deadline: CallDeadline,
    output: CallOutput,
  ) => Promise<ExchangeAnswer | undefined>;
};

/** Starts a call: collects its input, makes it, and gives its output to the readers. */
export function startQueuedCall(call: QueuedCallOptions): PeerCall {
  const { options, line, label, inputBytes } = call;
  const { read = [], write = [], timeoutMs, connectTimeoutMs, signal } = options;
  const deadline = createCallDeadline({ timeoutMs, connectTimeoutMs, life: line.life, label });
  const input = createInputCollector({ limitBytes: inputBytes, label });
  const readers = new Map(read.map((name) => [name, createLateReader()]));
  const output = createOutput(readers);
  if (write.length === 0) input.writer.end();

  const result = runCall(call, { deadline, input: input.bytes, readers, output }).catch((thrown: unknown) => {
    const error = NegotiatorError.from(thrown);
    output.fail(error);
    for (const reader of readers.values()) reader.fail(error);
    throw error;
  });
  void result.catch(() => undefined).then(() => deadline[Symbol.dispose]());
  const cancel = (reason: string): void => deadline.abort(cancelled(reason));
  if (signal !== undefined) cancelOnAbort(signal, result, cancel);
  return {
    isSent: true,
    result,
    reader: (name) => find(readers.get(name)?.reader, name),
    writer: (name) => find(write.includes(name) ? input.writer : undefined, name),
    send: () => undefined,
    listen: () => undefined,
    cancel,
  };
}

type Parts = {
  deadline: CallDeadline;
  input: Promise<Uint8Array>;
  readers: ReadonlyMap<string, LateReader>;
  output: Output;
};

type Output = CallOutput & Pick<OutputPipe, "end" | "fail">;

/** The readers get their source with the first output: until then, the upgraded peer can be the source. */
function createOutput(readers: Parts["readers"]): Output {
  const pipe = createOutputPipe();
  const connect = (): void => {
    for (const [name, reader] of readers) reader.from(name === "stdout" ? pipe.reader : readBytes());
    if (!readers.has("stdout")) pipe.reader.cancel();
  };
  return {
    write(bytes) {
      connect();
      return pipe.write(bytes);
    },
    end() {
      connect();
      pipe.end();
    },
    fail: (error) => pipe.fail(error),
  };
}

async function runCall(call: QueuedCallOptions, parts: Parts): Promise<unknown> {
  const { deadline, output } = parts;
  const { signal } = deadline;
  const input = await untilAborted(parts.input, signal);
  const answer = await call.make(input, deadline, output);
  if (answer !== undefined) {
    output.end();
    return answer.result;
  }
  const peer = await untilAborted(call.line.upgradedPeer(signal), signal);
  return callUpgraded(peer, call, input, parts);
}

async function callUpgraded(
  peer: Peer,
  { method, params, options }: QueuedCallOptions,
  input: Uint8Array,
  { deadline, readers }: Parts,
): Promise<unknown> {
  const { signal } = deadline;
  const call = peer.call(method, params, { ...options, timeoutMs: deadline.handOver(), signal });
  for (const [name, reader] of readers) reader.from(call.reader(name));
  for (const name of options.write ?? []) void writeAll(call.writer(name), input);
  return await call.result;
}

async function writeAll(writer: StreamWriter, bytes: Uint8Array): Promise<void> {
  // The command may stop reading early, so a failed write is not an error.
  await writer.write(bytes).catch(() => undefined);
  writer.end();
}

function find<Stream extends StreamReader | StreamWriter>(stream: Stream | undefined, name: string): Stream {
  if (stream !== undefined) return stream;
  throw noStream("UNSUPPORTED", name);
}
