/** The open calls of one session that this side made. */
import type { NegotiatorError } from "../../errors.ts";
import type { CallId, Message, StreamMessage } from "../message.ts";
import { createOutgoingCall } from "./outgoing-call.ts";
import type { CallOptions, FrozenOutgoing, OutgoingCall, OutgoingEnd } from "./outgoing-call.ts";
import type { Outlet } from "../session/outbox.ts";
import type { WindowOptions } from "./receive-window.ts";
import { checkSendable } from "../session/sendable.ts";

type MessageOfCall = Extract<Message, { kind: "result" | "failure" | "message" | "begin" }> | StreamMessage;

/** Calls that wait for their answers or streams, by call id. */
export type OutgoingCalls = {
  readonly count: number;
  has(id: CallId): boolean;
  /** Starts a call. Throws `TOO_LARGE` or `BAD_REQUEST` when the request cannot be sent. */
  start(options: CallOptions & { id: CallId }): OutgoingCall;
  /** Takes a message about the call `id`. Returns the peer's violation, if there is one. */
  take(id: CallId, message: MessageOfCall): NegotiatorError | undefined;
  /** The peer has broken the protocol in this call: the call ends on both sides. */
  breach(id: CallId, error: NegotiatorError): void;
  /** Marks the request as not sent, so that it goes out again in the next session. */
  markUnsent(id: CallId): void;
  /** Ends one call on this side. */
  abort(id: CallId, error: NegotiatorError): void;
  /** The session is lost: aborts the sent calls with `error`, and submits the others again. */
  resubmit(error: NegotiatorError): void;
  /** The session has ended: aborts all calls, with `sent` if they were sent, else with `unsent`. */
  abortAll(sent: NegotiatorError, unsent: NegotiatorError): void;
  /**
   * Returns a call that was thawed, once, for its owner. It may be over already. `over` is the call if it was
   * over before, so that the session had it no longer.
   */
  claim(id: CallId, over?: FrozenOutgoing): OutgoingCall | undefined;
  freeze(): FrozenOutgoing[];
  thaw(frozen: readonly FrozenOutgoing[]): void;
};

type OutgoingCallsOptions = { outlet: Outlet; peerLineBytes: () => number; window: WindowOptions };

/** Creates an empty set of calls. */
export function createOutgoingCalls({ outlet, peerLineBytes, window }: OutgoingCallsOptions): OutgoingCalls {
  const open = new Map<CallId, OutgoingEnd>();
  /** Calls of the program before, which may end before their owners ask for them. */
  const unclaimed = new Map<CallId, OutgoingCall>();

  const create = (options: CallOptions & { id: CallId }, frozen?: FrozenOutgoing): OutgoingEnd => {
    const { id } = options;
    const onOver = (): void => {
      open.delete(id);
      outlet.removeCall(id);
    };
    const given = frozen === undefined ? {} : { frozen };
    return createOutgoingCall({ ...options, window, outlet, peerLineBytes, onOver, ...given });
  };

  return {
    get count() {
      return open.size;
    },
    has: (id) => open.has(id),
    start(options) {
      const end = create(options);
      checkSendable(end.request, peerLineBytes());
      open.set(options.id, end);
      end.submit();
      return end.call;
    },
    take(id, message) {
      const end = open.get(id);
      return end === undefined ? undefined : takeMessage(end, message);
    },
    breach: (id, error) => open.get(id)?.abortBoth(error),
    markUnsent: (id) => open.get(id)?.markUnsent(),
    abort: (id, error) => open.get(id)?.lose(error),
    resubmit(error) {
      for (const end of open.values().toArray()) {
        if (end.call.isSent) end.lose(error);
        else end.submit();
      }
    },
    abortAll(sent, unsent) {
      for (const end of open.values().toArray()) end.lose(end.call.isSent ? sent : unsent);
    },
    claim(id, over) {
      const call = unclaimed.get(id) ?? (over && create(over.options, over).call);
      unclaimed.delete(id);
      return call;
    },
    freeze: () => [...open.values()].map((end) => end.freeze()),
    thaw(frozen) {
      for (const one of frozen) {
        const end = create(one.options, one);
        open.set(one.options.id, end);
        unclaimed.set(one.options.id, end.call);
        if (!one.isSent) end.submit();
      }
    },
  };
}

function takeMessage(end: OutgoingEnd, message: MessageOfCall): NegotiatorError | undefined {
  switch (message.kind) {
    case "result":
    case "failure":
      return end.takeAnswer(message);
    case "message":
      end.takeMessage(message.name, message.value);
      return undefined;
    case "begin":
      return abortOnViolation(end, end.begin(message.offsets));
    default:
      return abortOnViolation(end, end.takeStream(message));
  }
}

/** The peer does not know that it has broken the rules of a call, so the call ends on both sides. */
function abortOnViolation(
  end: OutgoingEnd,
  violation: NegotiatorError | undefined,
): NegotiatorError | undefined {
  if (violation !== undefined) end.abortBoth(violation);
  return violation;
}
