/** A peer of a dialect without call ids. Calls are made one after the other, each on a fresh channel. */
import { onAbort } from "../../abort.ts";
import { NegotiatorError } from "../../errors.ts";
import type { Channel } from "../../wire/channel.ts";
import type { CallDeadline } from "./call-deadline.ts";
import { createCallQueue } from "./call-queue.ts";
import type { ForeignPeer, PeerLine } from "../dialect.ts";
import { checkMethod, checkNotices } from "../peer.ts";
import type { Abilities } from "../peer.ts";
import { startQueuedCall } from "./queued-call.ts";
import type { CallOutput, ExchangeAnswer, QueuedCallOptions } from "./queued-call.ts";
import { withUnbrokenWrites } from "./unbroken-writes.ts";

/** A dialect's way to make one call. */
export type QueuedDialect<Request> = {
  /** The dialect's name in messages. */
  label: string;
  can: Abilities;
  /** Most bytes of input of one call. */
  inputBytes: number;
  /** The call in the dialect's terms. Throws `BAD_REQUEST` for a call that the dialect cannot express. */
  createRequest: (method: string, params: unknown, input: Uint8Array) => Request;
  /**
   * Makes the call on a fresh channel. Calls `onSend` before the peer can receive the request, and `write`
   * with the output while it arrives. Resolves to undefined, without the call, if an agent of another dialect
   * answers.
   */
  exchange: (
    channel: Channel,
    request: Request,
    started: ExchangeStart,
  ) => Promise<ExchangeAnswer | undefined>;
};

/** The functions through which an exchange reports how far it is. */
export type ExchangeStart = CallOutput & { onSend: () => void };

/** Most calls to one peer that wait or run. */
const QUEUED_CALLS = 32;

/** A peer that is called by `dialect.exchange`, one call after the other. */
export function createQueuedPeer<Request>(dialect: QueuedDialect<Request>, line: PeerLine): ForeignPeer {
  const { label, inputBytes } = dialect;
  // No dialect without ids has notices, and a lost notice must not look like a sent one.
  const can: Abilities = { methods: dialect.can.methods, notices: false, messages: false };
  const queue = createCallQueue();
  let handedOver = new AbortController();

  const handOver = (): void => {
    handedOver.abort();
    handedOver = new AbortController();
  };

  const callNow = async (
    request: Request,
    deadline: CallDeadline,
    output: CallOutput,
    upgraded: AbortSignal,
  ): Promise<ExchangeAnswer | undefined> => {
    deadline.signal.throwIfAborted();
    if (upgraded.aborted || line.isUpgraded()) return undefined;
    const answer = await callOnce({ request, deadline, output, upgraded, dialect, line });
    // The next calls in the queue would meet the other agent too.
    if (answer === undefined && !upgraded.aborted) handOver();
    return answer;
  };

  const enqueue = (
    request: Request,
    deadline: CallDeadline,
    output: CallOutput,
  ): Promise<ExchangeAnswer | undefined> => {
    if (queue.length >= QUEUED_CALLS) return Promise.reject(queueFull(label));
    const { signal: upgraded } = handedOver;
    return queue.run(() => callNow(request, deadline, output, upgraded), deadline.signal);
  };

  return {
    can,
    get callCount() {
      return queue.length;
    },
    handOver,
    call(method, params, options) {
      checkMethod(can, label, method);
      const make: QueuedCallOptions["make"] = async (input, deadline, output) =>
        enqueue(dialect.createRequest(method, params, input), deadline, output);
      return startQueuedCall({ method, params, options, label, inputBytes, line, make });
    },
    notify: () => checkNotices(can, label),
  };
}

type OneCall<Request> = {
  request: Request;
  deadline: CallDeadline;
  output: CallOutput;
  /** Aborts when a native agent has replaced the peer. */
  upgraded: AbortSignal;
  dialect: QueuedDialect<Request>;
  line: PeerLine;
};

/** Returns undefined if a native agent has replaced the peer before the request was sent. */
async function callOnce<Request>({
  request,
  deadline,
  output,
  upgraded,
  dialect,
  line,
}: OneCall<Request>): Promise<ExchangeAnswer | undefined> {
  const { signal } = deadline;
  let isMade = false;
  const unmade = AbortSignal.any([signal, upgraded]);
  deadline.connect();
  try {
    await using channel = withUnbrokenWrites(await line.dial(unmade));
    unmade.throwIfAborted();
    const close = (): void => void channel.close();
    using listening = new DisposableStack();
    listening.use(onAbort(signal, close));
    listening.use(onAbort(upgraded, () => isMade || close()));
    const onSend = (): void => {
      isMade = true;
      deadline.start();
    };
    return await dialect.exchange(channel, request, { ...output, onSend });
  } catch (thrown) {
    if (upgraded.aborted && !isMade && !signal.aborted) return undefined;
    throw thrown;
  }
}

function queueFull(label: string): NegotiatorError {
  return new NegotiatorError(
    "BUSY",
    `${QUEUED_CALLS} calls already wait for the peer (${label}), which runs one at a time`,
    { remedy: "Call again when some of them have ended" },
  );
}
