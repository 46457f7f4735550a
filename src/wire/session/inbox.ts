/** Takes the messages of an open session: checks their order, and hands each to its receiver. */
import { NegotiatorError } from "../../errors.ts";
import type { MessageOfCall, Calls } from "../calls/calls.ts";
import { isReserved } from "./handshake.ts";
import type { Limits } from "../../limits.ts";
import { createAllowance } from "./allowance.ts";
import type { ControlQueue } from "./control-queue.ts";
import { clipText } from "../message.ts";
import type { Epochs } from "./epochs.ts";
import type { Attach, Message, MessageBody, Request } from "../message.ts";
import type { NoticeCredit } from "./notice-credit.ts";
import type { Outbox } from "./outbox.ts";
import type { Sequence } from "./sequence.ts";
import type { Status } from "./status.ts";
import type { Traffic } from "./traffic.ts";

/** Receives messages. */
export type Inbox = {
  /** Takes a message that had `bytes` bytes. */
  take(message: Message, bytes: number): void;
  /** Renews the peer's allowance. Called about once a second. */
  tick(): void;
};

type InboxOptions = {
  side: "dialler" | "listener";
  limits: Pick<Limits, "noticeCreditBytes">;
  getSequence: () => Sequence;
  getNoticeCredit: () => NoticeCredit;
  calls: Calls;
  outbox: Outbox;
  controlQueue: ControlQueue;
  status: Status;
  epochs: Pick<Epochs, "peer">;
  traffic: Traffic;
  onNotice: (method: string, params: unknown) => void;
  onGoodbye: (reason: NegotiatorError) => void;
  onInvalid: (error: NegotiatorError) => void;
  /** Called when an acknowledgement has made room for more output. */
  onOutput: () => void;
};

/** The most control messages that may wait. Answers that a peer does not read must not fill our memory. */
export const WAITING_CONTROLS = 4096;

/** Creates the inbox of a session. */
export function createInbox(options: InboxOptions): Inbox {
  const { side, getSequence, calls, outbox, controlQueue, status } = options;
  const { allowance, countUnneeded, isAllowed, takeCredit } = createGate(options);

  const takeCallMessage = (message: MessageOfCall): void => {
    const violation = calls.take(message);
    if (violation !== undefined) options.onInvalid(violation);
    if (outbox.controlCount > WAITING_CONTROLS)
      status.cut(new NegotiatorError("TOO_LARGE", "The peer does not read its answers"));
  };

  const refuseRequest = ({ id }: Request | Attach, error: NegotiatorError): void => {
    options.onInvalid(error);
    if (id !== undefined) calls.refuse(id, error);
  };

  const takeAcknowledgement = (received: number, bytes: number): void => {
    const released = getSequence().release(received);
    if (released === undefined) options.onInvalid(neverSent());
    else if (released > 0) options.onOutput();
    else isAllowed(bytes);
  };

  const takeBody = (message: MessageBody, bytes: number): void => {
    switch (message.kind) {
      case "ack":
        takeAcknowledgement(message.received, bytes);
        return;
      case "ping":
        if (isAllowed(bytes)) controlQueue.answerPing();
        return;
      case "pong":
      case "unknown":
        isAllowed(bytes);
        return;
      case "noticeCredit":
        countUnneeded(bytes);
        options.getNoticeCredit().raise(message.limit);
        options.onOutput();
        return;
      case "resync":
        if (side === "dialler") status.cut(new NegotiatorError("BAD_FRAME", LOST));
        else isAllowed(bytes);
        return;
      case "goodbye":
        if (options.epochs.peer !== undefined) options.epochs.peer.farewell = clipText(message.reason);
        options.onGoodbye(farewell(message.reason));
        return;
      case "notice":
        if (isReserved(message.method)) return void isAllowed(bytes);
        countUnneeded(bytes);
        if (options.getNoticeCredit().receive(bytes)) options.onNotice(message.method, message.params);
        else options.onInvalid(TOO_MANY);
        return;
      case "invalid":
        countUnneeded(bytes);
        options.onInvalid(message.error);
        if (message.id !== undefined) calls.refuse(message.id, message.error);
        else if (message.call !== undefined) calls.breach(message.call, message.error);
        return;
      case "header":
        return;
      case "request":
        if (isReserved(message.method)) refuseRequest(message, NO_SUCH_REQUEST);
        else takeCallMessage(message);
        return;
      case "message":
        if (isAllowed(bytes)) takeCallMessage(message);
        return;
      case "credit":
        takeCredit(bytes);
        takeCallMessage(message);
        return;
      default:
        if (!calls.isOpen(message)) countUnneeded(bytes);
        takeCallMessage(message);
    }
  };

  const takeUnnumbered = (body: MessageBody, bytes: number): void => {
    if (body.kind === "failure") {
      if (isAllowed(bytes) && typeof body.id === "string") calls.markUnsent(body.id);
    } else if (UNNUMBERED.has(body.kind)) takeBody(body, bytes);
    else {
      countUnneeded(bytes);
      if (body.kind === "request" || body.kind === "attach") refuseRequest(body, NO_NUMBER);
      else options.onInvalid(NO_NUMBER);
    }
  };

  return {
    take(message, bytes) {
      const { seq } = message;
      if (seq === undefined) takeUnnumbered(message, bytes);
      else if (isNext(options, seq, bytes)) takeBody(message, bytes);
      else countUnneeded(bytes);
    },
    tick: () => allowance.renew(),
  };
}

/** Counts messages that need no answer, and limits some of them. */
function createGate({ limits, outbox, traffic, onInvalid }: InboxOptions) {
  const allowance = createAllowance(limits.noticeCreditBytes);
  /** The messages of streams that the peer has answered with credit. */
  let credits = 0;

  const countUnneeded = (bytes: number): void => {
    traffic.unneeded++;
    traffic.unneededBytes += bytes;
  };

  return {
    allowance,
    countUnneeded,
    /** Whether the peer may send another message that needs no answer. */
    isAllowed: (bytes: number): boolean => {
      countUnneeded(bytes);
      const isLeft = allowance.take(bytes);
      if (!isLeft) onInvalid(TOO_MANY);
      return isLeft;
    },
    /** Credit follows what this side has sent, also in a call that has just ended. */
    takeCredit: (bytes: number): void => {
      if (credits < outbox.sentCount) credits++;
      else countUnneeded(bytes);
    },
  };
}

/**
 * Whether a numbered message is to be carried out. Any other number than the next one means that the order is
 * lost, and the session is cut: messages are missing, or the peer was taken back to an earlier state.
 */
function isNext({ getSequence, status, controlQueue }: InboxOptions, seq: number, bytes: number): boolean {
  const sequence = getSequence();
  const place = sequence.take(seq, bytes);
  if (place === "next") return true;
  const { received } = sequence;
  const problem =
    place === "gap"
      ? `Messages are missing between ${received} and ${seq}`
      : `Message ${seq} came again after message ${received}`;
  status.cut(new NegotiatorError("BAD_FRAME", problem));
  controlQueue.push({ kind: "resync", received });
  return false;
}

const LOST = "Messages to the peer were lost: the connection begins again, and sends them again";

/** Messages that are not sent again after a cut. All others need a number. */
const UNNUMBERED: ReadonlySet<MessageBody["kind"]> = new Set([
  "ack",
  "ping",
  "pong",
  "resync",
  "goodbye",
  "unknown",
  "invalid",
]);

/** A peer can send thousands of such messages, so each error is made once. */
const TOO_MANY = new NegotiatorError("BUSY", "The peer sent more messages without an answer than it may");
const NO_NUMBER = new NegotiatorError("BAD_REQUEST", 'Cannot take a message: it needs a number in "seq"');

const NO_SUCH_REQUEST = new NegotiatorError(
  "UNKNOWN_METHOD",
  "A session has no hellos among its requests: a hello begins with its marker",
);

function neverSent(): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", "The peer acknowledged messages that were never sent");
}

function farewell(reason: string): NegotiatorError {
  return new NegotiatorError("CLOSED", `The peer has ended the session: ${clipText(reason)}`);
}
