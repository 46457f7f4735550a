/**
 * A call in a dialect without streams: its input goes out in one piece, and its answer comes in one piece.
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
import { cancelOnAbort } from "../native.ts";
import type { PeerCallOptions, Peer, PeerCall } from "../peer.ts";

/** The result of a call, and its output streams by name. */
export type ExchangeAnswer = { result: unknown; streams?: Readonly<Record<string, Uint8Array>> };

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
  make: (input: Uint8Array, deadline: CallDeadline) => Promise<ExchangeAnswer | undefined>;
};

/** Starts a call: collects its input, makes it, and gives its output to the readers. */
export function startQueuedCall(call: QueuedCallOptions): PeerCall {
  const { options, line, label, inputBytes } = call;
  const { read = [], write = [], timeoutMs, signal } = options;
  const deadline = createCallDeadline({ timeoutMs, life: line.life, label });
  const input = createInputCollector({ limitBytes: inputBytes, label });
  const readers = new Map(read.map((name) => [name, createLateReader()]));
  if (write.length === 0) input.writer.end();

  const result = runCall(call, { deadline, input: input.bytes, readers }).catch((thrown: unknown) => {
    const error = NegotiatorError.from(thrown);
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
};

async function runCall(call: QueuedCallOptions, parts: Parts): Promise<unknown> {
  const { deadline, readers } = parts;
  const { signal } = deadline;
  const input = await untilAborted(parts.input, signal);
  const answer = await call.make(input, deadline);
  if (answer !== undefined) {
    for (const [name, reader] of readers) reader.from(readBytes(answer.streams?.[name]));
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
  throw new NegotiatorError("UNSUPPORTED", `This call has no stream "${name}" in that direction`);
}
