/** Takes the messages of an open session: checks their order, and hands each to its receiver. */
import { NegotiatorError } from "../../errors.ts";
import type { CallMessage, Calls } from "../calls/calls.ts";
import type { ControlQueue } from "./control-queue.ts";
import { clipText } from "../message.ts";
import type { Message, MessageBody } from "../message.ts";
import type { Outbox } from "./outbox.ts";
import type { Sequence } from "./sequence.ts";
import type { Status } from "./status.ts";

/** Receives messages. */
export type Inbox = {
  /** Takes a message that had `bytes` bytes. */
  take(message: Message, bytes: number): void;
};

type InboxOptions = {
  side: "dialler" | "listener";
  getSequence: () => Sequence;
  calls: Calls;
  outbox: Outbox;
  controlQueue: ControlQueue;
  status: Status;
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

  const takeCallMessage = (message: CallMessage): void => {
    const violation = calls.take(message);
    if (violation !== undefined) options.onInvalid(violation);
    if (outbox.length > WAITING_CONTROLS)
      status.cut(new NegotiatorError("TOO_LARGE", "The peer does not read its answers"));
  };

  const takeBody = (message: MessageBody): void => {
    switch (message.kind) {
      case "ack":
        if (getSequence().release(message.received)) options.onOutput();
        else options.onInvalid(neverSent());
        return;
      case "ping":
        controlQueue.answerPing();
        return;
      case "pong":
        return;
      case "resync":
        if (side === "dialler") status.cut(new NegotiatorError("BAD_FRAME", "The peer has missed messages"));
        return;
      case "goodbye":
        options.onGoodbye(farewell(message.reason));
        return;
      case "notice":
        options.onNotice(message.method, message.params);
        return;
      case "invalid":
        options.onInvalid(message.error);
        if (message.id !== undefined) calls.refuse(message.id, message.error);
        return;
      default:
        takeCallMessage(message);
    }
  };

  const takeNumbered = (seq: number, body: MessageBody, bytes: number): void => {
    const sequence = getSequence();
    const place = sequence.take(seq, bytes);
    if (place === "next") takeBody(body);
    if (place !== "gap") return;
    const { received } = sequence;
    status.cut(new NegotiatorError("BAD_FRAME", `Messages are missing between ${received} and ${seq}`));
    controlQueue.push({ kind: "resync", received });
  };

  const takeUnnumbered = (body: MessageBody): void => {
    if (body.kind !== "failure") takeBody(body);
    else if (typeof body.id === "string" || typeof body.id === "number") calls.markUnsent(body.id);
  };

  return {
    take({ seq, ...body }, bytes) {
      if (seq === undefined) takeUnnumbered(body);
      else takeNumbered(seq, body, bytes);
    },
  };
}

function neverSent(): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", "The peer acknowledged messages that were never sent");
}

function farewell(reason: string): NegotiatorError {
  return new NegotiatorError("CLOSED", `The peer has ended the session: ${clipText(reason)}`);
}
