/** Decides what goes out next: what a cut swallowed, then control messages, then data, one piece a stream in turn. */
import type { MessageBody } from "../message.ts";
import type { Sequence } from "./sequence.ts";
import type { WriterEnd } from "../calls/stream-writer.ts";
import type { CallId } from "../message.ts";

/** Makes a control message when its turn has come; undefined when it is no longer needed. */
export type ControlMessage = () => MessageBody | undefined;

/** A stream that may have something to send. */
export type Sender = { call: CallId; stream: string; writer: WriterEnd };

/** Where calls put what they have to say. */
export type Outlet = {
  /** With `call`, the message makes sense only until `leave` is called for it. */
  control(message: ControlMessage, call?: CallId): void;
  ready(sender: Sender): void;
  /** The call is over: what waits for it alone is let go of, as a peer that takes nothing would make it pile up. */
  leave(call: CallId): void;
};

/** A control message that keeps nothing else alive while it waits. */
export function saying(message: MessageBody): ControlMessage {
  return () => message;
}

export type Outbox = Outlet & {
  /** Control messages that wait. */
  readonly length: number;
  /** The next counted message's bytes; undefined when there is nothing, or no room until the peer acknowledges. */
  pull(sequence: Sequence): Uint8Array | undefined;
};

/** `onOutput` is called when something was put in. */
export function createOutbox(onOutput: () => void): Outbox {
  let controls: { make: ControlMessage; call: CallId | undefined }[] = [];
  const senders = new Set<Sender>();

  const nextControl = (): MessageBody | undefined => {
    for (let first = controls.shift(); first !== undefined; first = controls.shift()) {
      const message = first.make();
      if (message !== undefined) return message;
    }
    return undefined;
  };

  /** A set keeps the order of insertion: a sender that has more goes to its end, so that all have their turn. */
  const nextData = (): MessageBody | undefined => {
    for (const sender of senders) {
      senders.delete(sender);
      const { call, stream, writer } = sender;
      const chunk = writer.pull();
      if (chunk !== undefined) {
        senders.add(sender);
        return { kind: "data", call, stream, ...chunk };
      }
      if (writer.pullEnd()) return { kind: "end", call, stream, ...writer.total };
    }
    return undefined;
  };

  return {
    get length() {
      return controls.length;
    },
    control(make, call) {
      controls.push({ make, call });
      onOutput();
    },
    ready(sender) {
      senders.add(sender);
      onOutput();
    },
    leave(call) {
      if (controls.length > 0) controls = controls.filter((waiting) => waiting.call !== call);
      for (const sender of senders) if (sender.call === call) senders.delete(sender);
    },
    pull(sequence) {
      const kept = sequence.resend();
      if (kept !== undefined) return kept;
      if (!sequence.hasRoom) return undefined;
      const message = nextControl() ?? nextData();
      return message === undefined ? undefined : sequence.number(message);
    },
  };
}
