/**
 * Picks the next numbered message to send: unacknowledged messages first, then control messages, then
 * notices, then stream data in round-robin order. A full window of one kind does not delay the others.
 */
import type { CallId, MessageBody, Notice } from "../message.ts";
import type { NoticeCredit } from "./notice-credit.ts";
import type { Sequence } from "./sequence.ts";
import type { WriterEnd } from "../calls/stream-writer.ts";

/** Makes a control message when its turn has come; undefined when it is not needed any longer. */
export type ControlMessage = () => MessageBody | undefined;

/** A stream that may have something to send. */
export type Sender = { call: CallId; stream: string; writer: WriterEnd };

/**
 * A notice that waits; its line has at most `bytes`. `isLost` is true if the present peer never takes it.
 * `take` returns it when its turn has come; undefined when it is lost.
 */
export type WaitingNotice = { bytes: number; isLost: () => boolean; take: () => Notice | undefined };

/** Takes the messages of calls and notices. */
export type Outlet = {
  /** Adds a control message. With `call`, `removeCall` removes the message again. */
  control(message: ControlMessage, call?: CallId): void;
  /**
   * Adds the control message that begins a call: no data of the call's streams goes out before it.
   * `removeCall` removes it unless it `outlives` the call.
   */
  begin(call: CallId, message: ControlMessage, outlives?: boolean): void;
  /** Adds a notice. `bytes` is the length of its line. */
  notice(notice: WaitingNotice): void;
  /** Adds a stream that has something to send. */
  ready(sender: Sender): void;
  /**
   * Removes the messages and streams of a call that is over. They would pile up if the peer reads nothing.
   */
  removeCall(call: CallId): void;
};

/** Returns a control message that does not change while it waits, and keeps no call alive. */
export function fixed(message: MessageBody): ControlMessage {
  return () => message;
}

/** The messages of a session that wait to be sent. */
export type Outbox = Outlet & {
  /** The number of waiting control messages and notices. */
  readonly length: number;
  /** Whether something waits, though the peer may not allow it yet. */
  readonly isWaiting: boolean;
  /** The number of chunks and ends of streams that went out. */
  readonly sentCount: number;
  /** The number of waiting control messages. Notices wait for a credit that the peer may withhold. */
  readonly controlCount: number;
  /**
   * Removes the next message, gives it a number in `sequence`, and returns its bytes. Returns undefined when
   * no message waits, or when the peer allows none of the waiting ones yet.
   */
  pull(sequence: Sequence, credit: NoticeCredit): Uint8Array | undefined;
  /** Removes everything. */
  clear(): void;
  /** Makes the waiting control messages, and returns them; they stay. Leaves out those of `unsent` calls. */
  freeze(unsent: ReadonlySet<CallId>): FrozenMessage[];
};

/** A control message that waits, with the call that removes it and the call that it begins. */
export type FrozenMessage = { message: MessageBody; call?: CallId; begun?: CallId };

/** Creates an empty outbox. `onOutput` is called when something was added. */
export function createOutbox(onOutput: () => void): Outbox {
  let controls: WaitingControl[] = [];
  let notices: WaitingNotice[] = [];
  const senders = new Set<Sender>();
  let sentCount = 0;

  const nextControl = (): MessageBody | undefined => {
    for (let first = controls.shift(); first !== undefined; first = controls.shift()) {
      const message = first.make();
      // A kept answer may go out again in another session, with another number.
      if (message !== undefined) return { ...message };
    }
    return undefined;
  };

  const nextNotice = (credit: NoticeCredit): MessageBody | undefined => {
    for (let [first] = notices; first !== undefined; [first] = notices) {
      if (!first.isLost() && !credit.allows(first.bytes)) return undefined;
      notices.shift();
      const notice = first.take();
      if (notice !== undefined) return notice;
    }
    return undefined;
  };

  const nextData = (): MessageBody | undefined => {
    const message = pullData(senders, controls);
    if (message !== undefined) sentCount++;
    return message;
  };

  return {
    get length() {
      return controls.length + notices.length;
    },
    get isWaiting() {
      return controls.length + notices.length + senders.size > 0;
    },
    get sentCount() {
      return sentCount;
    },
    get controlCount() {
      return controls.length;
    },
    control(make, call) {
      controls.push({ make, call });
      onOutput();
    },
    begin(call, make, outlives = false) {
      controls.push({ make, begun: call, ...(outlives ? {} : { call }) });
      onOutput();
    },
    notice(notice) {
      notices.push(notice);
      onOutput();
    },
    ready(sender) {
      senders.add(sender);
      onOutput();
    },
    removeCall(call) {
      if (controls.length > 0) controls = controls.filter((waiting) => waiting.call !== call);
      for (const sender of senders) if (sender.call === call) senders.delete(sender);
    },
    pull(sequence, credit) {
      const kept = sequence.resend();
      if (kept !== undefined) return kept;
      const message =
        (sequence.hasRoom("other") ? nextControl() : undefined) ??
        nextNotice(credit) ??
        (sequence.hasRoom("data") ? nextData() : undefined);
      if (message === undefined) return undefined;
      const bytes = sequence.number(message);
      // The peer counts the line that it gets, which is shorter than the longest one.
      if (message.kind === "notice") credit.send(bytes.length - 1);
      return bytes;
    },
    clear() {
      controls = [];
      notices = [];
      senders.clear();
    },
    freeze(unsent) {
      const frozen: FrozenMessage[] = [];
      controls = controls.flatMap((control) => {
        const { make, call, begun } = control;
        if ([call, begun].some((id) => id !== undefined && unsent.has(id))) return [control];
        const message = make();
        if (message === undefined) return [];
        frozen.push({ message, ...(call !== undefined && { call }), ...(begun !== undefined && { begun }) });
        return [{ ...control, make: fixed(message) }];
      });
      return frozen;
    },
  };
}

type WaitingControl = { make: ControlMessage; call?: CallId | undefined; begun?: CallId };

function pullData(senders: Set<Sender>, controls: readonly WaitingControl[]): MessageBody | undefined {
  const held = controls.length === 0 ? undefined : new Set(controls.map(({ begun }) => begun));
  for (const sender of senders) {
    if (held?.has(sender.call) === true) continue;
    // A set keeps the order of insertion, so a sender that is added again waits until all others had a turn.
    senders.delete(sender);
    const { call, stream, writer } = sender;
    const chunk = writer.pull();
    if (chunk !== undefined) {
      senders.add(sender);
      return { kind: "data", call, stream, offset: chunk.offset, bytes: chunk.bytes };
    }
    if (writer.pullEnd()) return { kind: "end", call, stream, ...writer.total };
  }
  return undefined;
}
