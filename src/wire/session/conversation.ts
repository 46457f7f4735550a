/** The numbered messages of a session in both directions, and the calls and notices that they carry. */
import { NegotiatorError } from "../../errors.ts";
import type { ControlQueue } from "./control-queue.ts";
import { createCalls } from "../calls/calls.ts";
import type { FrozenCalls } from "../calls/calls.ts";
import { native } from "../dialects/native.ts";
import type { Continuation, Epochs } from "./epochs.ts";
import type { IncomingCall } from "../calls/incoming-call.ts";
import type { Limits } from "../../limits.ts";
import { createInbox, WAITING_CONTROLS } from "./inbox.ts";
import type { MemoryShare } from "../memory.ts";
import type { CallId, Message, Notice, Request } from "../message.ts";
import { createNotices } from "./notices.ts";
import { NOTICE_BYTES } from "./notice-credit.ts";
import type { NoticeCredit } from "./notice-credit.ts";
import { createOutbox, fixed } from "./outbox.ts";
import type { FrozenMessage, Outbox } from "./outbox.ts";
import type { CallOptions, FrozenOutgoing, OutgoingCall } from "../calls/outgoing-call.ts";
import type { ServedCalls } from "../calls/served-calls.ts";
import type { SessionState, Status } from "./status.ts";
import type { Traffic } from "./traffic.ts";

/** The options of a conversation. */
export type ConversationOptions = {
  side: "dialler" | "listener";
  limits: Limits;
  served: ServedCalls;
  /** The peer's share of the memory of all. */
  memory: MemoryShare;
  epochs: Epochs;
  /** Takes the messages without a number. */
  controlQueue: ControlQueue;
  status: Status;
  traffic: Traffic;
  onCall: (call: IncomingCall) => void;
  onCallRefused: (request: Request & { id: CallId }, error: NegotiatorError) => void;
  onNotice: (method: string, params: unknown) => void;
  onNoticesLost: (count: number) => void;
  /** Called when `next` has something to return. */
  onOutput: () => void;
  /** Called when the peer has sent an invalid message. */
  onInvalid: (error: NegotiatorError) => void;
};

/** The messages of a session. */
export type Conversation = {
  /** Calls of this side that wait for their answers or streams. */
  readonly outgoingCount: number;
  /** Calls of the peer whose answers or streams are not complete. */
  readonly incomingCount: number;
  /** Whether a message waits to be sent, though the peer may not allow it yet. */
  readonly isWaiting: boolean;
  /** Begins an epoch. If a session was lost, its unsent calls and notices go into the next one. */
  begin(continuation: Continuation): void;
  /** Ends the session, its calls and its notices, and sets the state `next`. */
  end(next: SessionState, reason: NegotiatorError): void;
  /** Ends the session because the peer has left. A dialler is `cut`, a listener `idle`. */
  endWithPeer(reason: NegotiatorError): void;
  /** Cancels the peer's calls that are not detached. */
  cancelServed(reason: string): void;
  /** Takes a message of this epoch, which had `bytes` bytes. */
  take(message: Message, bytes: number): void;
  /** Renews the peer's credit and allowance. Called about once a second. */
  tick(): void;
  /**
   * Returns the next acknowledgement or numbered message; undefined when there is none, or no room for it.
   */
  next(): Uint8Array | undefined;
  /** Starts a call, or attaches to one. Throws `BAD_REQUEST`, or `TOO_LARGE` for a request over a limit. */
  call(options: CallOptions & { id: CallId }): OutgoingCall;
  /** Sends a notice. Throws `TOO_LARGE` or `BAD_REQUEST`, and `BUSY` when too many messages wait. */
  notify(method: string, params: unknown): void;
  /** As `OutgoingCalls.claim`. */
  claim(id: CallId, over?: FrozenOutgoing): OutgoingCall | undefined;
  freeze(): FrozenConversation;
  /** Goes on with a frozen conversation. The calls of the peer go to `onCall` again. */
  thaw(frozen: FrozenConversation): void;
};

/** The calls, notices and waiting control messages of a session as plain data. */
export type FrozenConversation = { calls: FrozenCalls; controls: FrozenMessage[]; notices: Notice[] };

/** Creates the conversation of a new session. */
export function createConversation(options: ConversationOptions): Conversation {
  const { limits, served, memory, epochs, status, onOutput } = options;
  const outbox = createOutbox(onOutput);
  const peerLineBytes = (): number => epochs.peer?.limits.lineBytes ?? limits.lineBytes;
  const { onCall, onCallRefused: onRefused } = options;
  const calls = createCalls({ limits, served, memory, outlet: outbox, onCall, onRefused, peerLineBytes });
  const reportLost = (count: number): void => {
    if (count > 0) options.onNoticesLost(count);
  };
  const noticeBytes = (): number =>
    Math.min(peerLineBytes(), (epochs.peer?.limits.noticeBytes ?? limits.noticeCreditBytes) - NOTICE_BYTES);
  const notices = createNotices({ outlet: outbox, mostBytes: noticeBytes, onLost: reportLost });
  let { sequence } = epochs;
  /** The credit whose renewal waits to be sent. Each session has another one. */
  let renewing: NoticeCredit | undefined;

  /** A peer that reads nothing gets one message with all its credit. */
  const renewNoticeCredit = (): void => {
    const { noticeCredit } = epochs;
    if (renewing === noticeCredit || !noticeCredit.isUsed) return;
    renewing = noticeCredit;
    outbox.control(() => {
      renewing = undefined;
      const limit = noticeCredit.renew();
      return limit === undefined ? undefined : { kind: "noticeCredit", limit };
    });
  };

  const end = (next: SessionState, reason: NegotiatorError): void => {
    const sentNotices = sequence.unacknowledgedNotices;
    calls.end(unknownOutcome(`The outcome of the call is unknown: ${reason.message}`), reason);
    epochs.endSession();
    ({ sequence } = epochs);
    outbox.clear();
    const lostNotices = sentNotices + notices.clear();
    if (next === "ended") served.cancelAll(reason);
    status.change(next, reason);
    // The sender may react with another notice, so it learns of the loss after the change of state.
    reportLost(lostNotices);
  };

  const endWithPeer = (reason: NegotiatorError): void =>
    end(options.side === "dialler" ? "cut" : "idle", reason);
  const inbox = createInbox({
    ...options,
    getSequence: () => sequence,
    getNoticeCredit: () => epochs.noticeCredit,
    calls,
    outbox,
    onGoodbye: endWithPeer,
  });

  return {
    get outgoingCount() {
      return calls.outgoingCount;
    },
    get incomingCount() {
      return calls.incomingCount;
    },
    get isWaiting() {
      return outbox.isWaiting || sequence.acknowledgement === "due";
    },
    begin(continuation) {
      const sentNotices = sequence.unacknowledgedNotices;
      ({ sequence } = epochs);
      if (continuation !== "lost") return;
      outbox.clear();
      calls.lose(unknownOutcome("The peer was restarted: the outcome of the call is unknown"));
      notices.resubmit();
      reportLost(sentNotices);
    },
    end,
    endWithPeer,
    cancelServed: (reason) => calls.cancelServed(reason),
    take: (message, bytes) => inbox.take(message, bytes),
    tick() {
      inbox.tick();
      renewNoticeCredit();
    },
    next() {
      if (sequence.acknowledgement !== "due") return outbox.pull(sequence, epochs.noticeCredit);
      return native.encode({ kind: "ack", received: sequence.acknowledge() });
    },
    call: (call) => calls.start(call),
    notify(method, params) {
      if (outbox.length >= WAITING_CONTROLS) throw tooManyWait(method);
      notices.send(method, params);
    },
    claim: (id, over) => calls.claim(id, over),
    freeze() {
      const frozen = calls.freeze();
      return { calls: frozen, controls: outbox.freeze(unsentOf(frozen)), notices: notices.peek() };
    },
    thaw(frozen) {
      for (const control of frozen.controls) putBack(outbox, control);
      for (const { method, params } of frozen.notices) notices.send(method, params);
      calls.thaw(frozen.calls);
    },
  };
}

function unsentOf({ outgoing }: FrozenCalls): Set<CallId> {
  return new Set(outgoing.flatMap(({ isSent, options: { id } }) => (isSent ? [] : [id])));
}

function putBack(outbox: Outbox, { message, call, begun }: FrozenMessage): void {
  if (begun === undefined) outbox.control(fixed(message), call);
  else outbox.begin(begun, fixed(message), call === undefined);
}

/** For a call that the peer may have run, or may not. */
function unknownOutcome(text: string): NegotiatorError {
  return new NegotiatorError("UNKNOWN_OUTCOME", text);
}

function tooManyWait(method: string): NegotiatorError {
  return new NegotiatorError("BUSY", `Cannot send "${method}": ${WAITING_CONTROLS} messages wait to be sent`);
}
