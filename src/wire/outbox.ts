/** Decides what goes out next: what a cut swallowed, then control messages, then data, one piece a stream in turn. */
import type { MessageBody } from "./message.ts";
import type { Sequence } from "./sequence.ts";
import type { WriterEnd } from "./stream-writer.ts";
import type { CallId } from "./message.ts";

/** Makes a control message when its turn has come; undefined when it is no longer needed. */
export type ControlMessage = () => MessageBody | undefined;

/** A stream that may have something to send. */
export type Sender = { call: CallId; stream: string; writer: WriterEnd };

/** Where calls put what they have to say. */
export type Outlet = {
  control(message: ControlMessage): void;
  ready(sender: Sender): void;
};

export type Outbox = Outlet & {
  /** Control messages that wait. */
  readonly length: number;
  /** The next counted message's bytes; undefined when there is nothing, or no room until the peer acknowledges. */
  pull(sequence: Sequence): Uint8Array | undefined;
};

/** `onOutput` is called when something was put in. */
export function createOutbox(onOutput: () => void): Outbox {
  const controls: ControlMessage[] = [];
  const senders = new Set<Sender>();

  const nextControl = (): MessageBody | undefined => {
    for (let make = controls.shift(); make !== undefined; make = controls.shift()) {
      const message = make();
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
    control(message) {
      controls.push(message);
      onOutput();
    },
    ready(sender) {
      senders.add(sender);
      onOutput();
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
