/** What an open session says: counted messages in both directions, and the calls they are about. */
import { NegotiatorError } from "../../errors.ts";
import type { ControlQueue } from "./control-queue.ts";
import { createCalls } from "../calls/calls.ts";
import { native } from "../dialects/native.ts";
import type { Continuation, Epochs } from "./epochs.ts";
import type { IncomingCall } from "../calls/incoming-call.ts";
import type { Limits } from "../../limits.ts";
import { clipText } from "../message.ts";
import type { CallId, Message, MessageBody } from "../message.ts";
import { createOutbox } from "./outbox.ts";
import type { CallOptions, OutgoingCall } from "../calls/outgoing-call.ts";
import { checkSendable } from "./sendable.ts";
import type { ServedCalls } from "../calls/served-calls.ts";

export type ConversationOptions = {
  limits: Limits;
  served: ServedCalls;
  epochs: Epochs;
  /** Takes what is said outside the order: complaints, pongs. */
  aside: ControlQueue;
  onCall: (call: IncomingCall) => void;
  onNotice: (method: string, params: unknown) => void;
  /** `next` has something to give. */
  onOutput: () => void;
  /** The peer has said what makes no sense. */
  onFault: (error: NegotiatorError) => void;
  /** The order is lost. May come more than once. */
  onBroken: (reason: NegotiatorError) => void;
  /** The peer misses messages of ours. */
  onResync: () => void;
  onGoodbye: (reason: NegotiatorError) => void;
};

export type Conversation = {
  /** Calls of this side that wait. */
  readonly outgoingCount: number;
  /** Calls of the peer that are served. */
  readonly incomingCount: number;
  /** An epoch begins; calls of a session that is lost end, those that were never sent go into the next. */
  begin(continuation: Continuation): void;
  /** The session has ended, for good or until the next hello. */
  end(reason: NegotiatorError): void;
  /** Cancels the calls that are served, except those that are detached. */
  dismiss(reason: string): void;
  /** A message of `bytes` bytes that has come in this epoch. */
  take(message: Message, bytes: number): void;
  /** The next acknowledgement or counted message; undefined when there is nothing to say, or no room. */
  next(): Uint8Array | undefined;
  /** Throws `TOO_LARGE`, `BAD_REQUEST`. */
  call(options: CallOptions & { id: CallId }): OutgoingCall;
  /** Throws `TOO_LARGE`, `BAD_REQUEST`, and `BUSY` when too much waits already. */
  notify(method: string, params: unknown): void;
};

/** Control messages that may wait; a peer that makes more of them necessary than it takes is cut off. */
const WAITING_CONTROLS = 4096;

export function createConversation(options: ConversationOptions): Conversation {
  const { limits, served, epochs, aside, onCall, onNotice, onOutput, onFault } = options;
  let outbox = createOutbox(onOutput);

  const peerLineBytes = (): number => epochs.peer?.limits.lineBytes ?? limits.lineBytes;
  const calls = createCalls({
    limits,
    served,
    outlet: {
      control: (message, call) => outbox.control(message, call),
      ready: (sender) => outbox.ready(sender),
      leave: (call) => outbox.leave(call),
    },
    onCall,
    peerLineBytes,
  });

  const takeCounted = (seq: number, body: MessageBody, bytes: number): void => {
    const { sequence } = epochs;
    const place = sequence.take(seq, bytes);
    if (place === "next") takeBody(body);
    if (place !== "gap") return;
    const between = `between ${sequence.received} and ${seq}`;
    options.onBroken(new NegotiatorError("BAD_FRAME", `Messages are missing ${between}`));
    aside.say({ kind: "resync", received: sequence.received });
  };

  const takeUncounted = (body: MessageBody): void => {
    if (body.kind !== "failure") takeBody(body);
    else if (typeof body.id === "string" || typeof body.id === "number") calls.unsend(body.id);
  };

  const takeBody = (message: MessageBody): void => {
    switch (message.kind) {
      case "ack":
        if (epochs.sequence.release(message.received)) onOutput();
        else onFault(neverSent());
        return;
      case "ping":
        aside.pong();
        return;
      case "pong":
        return;
      case "resync":
        options.onResync();
        return;
      case "goodbye":
        options.onGoodbye(farewell(message.reason));
        return;
      case "notice":
        onNotice(message.method, message.params);
        return;
      case "senseless":
        takeSenseless(message);
        return;
      default: {
        const flaw = calls.take(message);
        if (flaw !== undefined) onFault(flaw);
        if (outbox.length > WAITING_CONTROLS)
          options.onBroken(new NegotiatorError("TOO_LARGE", "The other side takes no answers"));
      }
    }
  };

  const takeSenseless = ({ id, error }: Extract<MessageBody, { kind: "senseless" }>): void => {
    onFault(error);
    if (id !== undefined) calls.refuse(id, error);
  };

  return {
    get outgoingCount() {
      return calls.outgoingCount;
    },
    get incomingCount() {
      return calls.incomingCount;
    },
    begin(continuation) {
      if (continuation !== "lost") return;
      outbox = createOutbox(onOutput);
      calls.lose(unknownOutcome("The other side was started anew: nobody knows how the call ended"));
    },
    end(reason) {
      calls.end(unknownOutcome(`Nobody knows how the call ended: ${reason.message}`), reason);
      epochs.forget();
      outbox = createOutbox(onOutput);
    },
    dismiss: (reason) => calls.dismiss(reason),
    take({ seq, ...body }, bytes) {
      if (seq === undefined) takeUncounted(body);
      else takeCounted(seq, body, bytes);
    },
    next() {
      const { sequence } = epochs;
      if (sequence.acknowledgement !== "due") return outbox.pull(sequence);
      return native.encode({ kind: "ack", received: sequence.acknowledge() });
    },
    call: (call) => calls.start(call),
    notify(method, params) {
      checkSendable({ kind: "notice", method, params }, peerLineBytes());
      if (outbox.length >= WAITING_CONTROLS) throw tooManyWait(method);
      outbox.control(() => ({ kind: "notice", method, params }));
    },
  };
}

/** What the other side may have begun has an outcome that nobody here knows. */
function unknownOutcome(text: string): NegotiatorError {
  return new NegotiatorError("UNKNOWN_OUTCOME", text);
}

function neverSent(): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", "The other side acknowledged messages that were never sent");
}

function farewell(reason: string): NegotiatorError {
  return new NegotiatorError("CLOSED", `The other side has ended the session: ${clipText(reason)}`);
}

function tooManyWait(method: string): NegotiatorError {
  return new NegotiatorError("BUSY", `Cannot send "${method}": ${WAITING_CONTROLS} messages wait to be sent`);
}
