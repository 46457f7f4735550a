/**
 * A peer of a dialect without ids: calls wait for each other, and each has a channel of its own while it
 * takes.
 */
import { onAbort, untilAborted } from "../abort.ts";
import { NegotiatorError } from "../errors.ts";
import { cancelled } from "../wire/calls/calls.ts";
import type { StreamReader } from "../wire/calls/stream-reader.ts";
import type { StreamWriter } from "../wire/calls/stream-writer.ts";
import type { Channel } from "../wire/channel.ts";
import { createCallDeadline } from "./call-deadline.ts";
import type { CallDeadline } from "./call-deadline.ts";
import { createCallQueue } from "./call-queue.ts";
import type { ForeignPeer, PeerLine } from "./dialect.ts";
import { createInputCollector } from "./input-collector.ts";
import { createLateReader, readBytes } from "./late-reader.ts";
import type { LateReader } from "./late-reader.ts";
import { cancelOnAbort } from "./native.ts";
import { checkMethod, checkNotices } from "./peer.ts";
import type { Abilities, CallOptions, Peer, PeerCall } from "./peer.ts";
import { withUnbrokenWrites } from "./unbroken-writes.ts";

/** How a dialect makes one call. */
export type QueuedDialect<Request> = {
  label: string;
  can: Abilities;
  /** Most bytes of input of one call. */
  inputBytes: number;
  /** The call in the dialect's words. Throws `BAD_REQUEST` for what it cannot say. */
  createRequest: (method: string, params: unknown, input: Uint8Array) => Request;
  /**
   * Makes the call on a fresh channel; `onSend` is called before the peer can receive the request. Resolves
   * to undefined, without having made the call, when a native agent answers.
   */
  exchange: (channel: Channel, request: Request, onSend: () => void) => Promise<ExchangeAnswer | undefined>;
};

/** The result of a call, and the streams that came with it, by their names. */
export type ExchangeAnswer = { result: unknown; streams?: Readonly<Record<string, Uint8Array>> };

/** Calls to one peer that may wait for their turn. */
const WAITING_CALLS = 32;

/** A peer that is called by `dialect.exchange`, one call after the other. */
export function createQueuedPeer<Request>(dialect: QueuedDialect<Request>, line: PeerLine): ForeignPeer {
  const queue = createCallQueue();
  let handedOver = new AbortController();

  const handOver = (): void => {
    handedOver.abort();
    handedOver = new AbortController();
  };

  /** Undefined when the call was not made, because the agent was upgraded before. */
  const makeCall = async (
    request: Request,
    deadline: CallDeadline,
    upgraded: AbortSignal,
  ): Promise<ExchangeAnswer | undefined> => {
    deadline.signal.throwIfAborted();
    if (upgraded.aborted || line.isUpgraded()) return undefined;
    const answer = await callOnce({ request, deadline, upgraded, dialect, line });
    // The next calls in the queue would meet the native agent too.
    if (answer === undefined && !upgraded.aborted) handOver();
    return answer;
  };

  const enqueue: Enqueue<Request> = (request, deadline) => {
    if (queue.length >= WAITING_CALLS) return Promise.reject(queueFull());
    const { signal: upgraded } = handedOver;
    return queue.run(() => makeCall(request, deadline, upgraded), deadline.signal);
  };

  return {
    can: dialect.can,
    get callCount() {
      return queue.length;
    },
    handOver,
    call(method, params, options) {
      checkMethod(dialect.can, dialect.label, method);
      return startCall({ method, params, options, dialect, line, enqueue });
    },
    notify: () => checkNotices(dialect.can, dialect.label),
  };
}

type Enqueue<Request> = (request: Request, deadline: CallDeadline) => Promise<ExchangeAnswer | undefined>;

type OneCall<Request> = {
  request: Request;
  deadline: CallDeadline;
  upgraded: AbortSignal;
  dialect: QueuedDialect<Request>;
  line: PeerLine;
};

/** Undefined when a native agent answers, or was met elsewhere, before the call was made. */
async function callOnce<Request>({
  request,
  deadline,
  upgraded,
  dialect,
  line,
}: OneCall<Request>): Promise<ExchangeAnswer | undefined> {
  const { signal } = deadline;
  let isMade = false;
  const unmade = AbortSignal.any([signal, upgraded]);
  try {
    await using channel = withUnbrokenWrites(await line.dial(unmade));
    unmade.throwIfAborted();
    const close = (): void => void channel.close();
    using listening = new DisposableStack();
    listening.use(onAbort(signal, close));
    listening.use(onAbort(upgraded, () => isMade || close()));
    return await dialect.exchange(channel, request, () => {
      isMade = true;
      deadline.start();
    });
  } catch (thrown) {
    if (upgraded.aborted && !isMade && !signal.aborted) return undefined;
    throw thrown;
  }
}

type Starting<Request> = {
  method: string;
  params: unknown;
  options: CallOptions;
  dialect: QueuedDialect<Request>;
  line: PeerLine;
  enqueue: Enqueue<Request>;
};

function startCall<Request>(starting: Starting<Request>): PeerCall {
  const { options, dialect, line } = starting;
  const deadline = createCallDeadline(options.timeoutMs, line.life);
  const input = createInputCollector(dialect.inputBytes);
  const readers = new Map((options.read ?? []).map((name) => [name, createLateReader()]));
  const hasInput = (options.write ?? []).length > 0;
  if (!hasInput) input.writer.end();

  const result = runCall(starting, deadline, input.bytes, readers).catch((thrown: unknown) => {
    const error = NegotiatorError.from(thrown);
    for (const reader of readers.values()) reader.fail(error);
    throw error;
  });
  void result.catch(() => undefined).then(() => deadline[Symbol.dispose]());
  const cancel = (reason: string): void => deadline.abort(cancelled(reason));
  if (options.signal !== undefined) cancelOnAbort(options.signal, result, cancel);
  return {
    isSent: true,
    result,
    reader: (name) => find(readers.get(name)?.reader, name),
    writer: (name) => find(hasInput && options.write?.includes(name) ? input.writer : undefined, name),
    cancel,
  };
}

async function runCall<Request>(
  { method, params, options, dialect, line, enqueue }: Starting<Request>,
  deadline: CallDeadline,
  input: Promise<Uint8Array>,
  readers: ReadonlyMap<string, LateReader>,
): Promise<unknown> {
  const bytes = await untilAborted(input, deadline.signal);
  const answer = await enqueue(dialect.createRequest(method, params, bytes), deadline);
  if (answer !== undefined) {
    for (const [name, reader] of readers) reader.from(readBytes(answer.streams?.[name]));
    return answer.result;
  }
  const peer = await untilAborted(line.upgradedPeer(deadline.signal), deadline.signal);
  return callUpgraded(
    peer,
    method,
    params,
    { ...options, timeoutMs: deadline.handOver() },
    deadline,
    bytes,
    readers,
  );
}

/** Makes the call at the native peer that took the place; the streams go on from there. */
async function callUpgraded(
  peer: Peer,
  method: string,
  params: unknown,
  options: CallOptions,
  deadline: CallDeadline,
  input: Uint8Array,
  readers: ReadonlyMap<string, LateReader>,
): Promise<unknown> {
  const call = peer.call(method, params, { ...options, signal: deadline.signal });
  for (const [name, reader] of readers) reader.from(call.reader(name));
  for (const name of options.write ?? []) void writeAll(call.writer(name), input);
  return await call.result;
}

async function writeAll(writer: StreamWriter, bytes: Uint8Array): Promise<void> {
  // The command need not read its input to the end.
  await writer.write(bytes).catch(() => undefined);
  writer.end();
}

function find<End extends StreamReader | StreamWriter>(end: End | undefined, name: string): End {
  if (end !== undefined) return end;
  throw new NegotiatorError("UNSUPPORTED", `This call has no stream "${name}" in that direction`);
}

function queueFull(): NegotiatorError {
  const message = `${WAITING_CALLS} calls wait already for the old agent, which takes one at a time`;
  return new NegotiatorError("BUSY", message);
}
