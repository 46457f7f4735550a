/** The open calls of one session, in both directions, and the peer's messages about them. */
import { NegotiatorError } from "../../errors.ts";
import { cancelled } from "./cancelled.ts";
import { createCreditPool } from "./credit-pool.ts";
import type { FrozenIncoming, IncomingCall } from "./incoming-call.ts";
import { createIncomingCalls } from "./incoming-calls.ts";
import type { Limits } from "../../limits.ts";
import type { CallId, Message, Request, StreamMessage } from "../message.ts";
import type { CallOptions, FrozenOutgoing, OutgoingCall } from "./outgoing-call.ts";
import { createOutgoingCalls } from "./outgoing-calls.ts";
import type { MemoryShare } from "../memory.ts";
import type { Outbox, Outlet } from "../session/outbox.ts";
import type { FrozenServed, ServedCalls } from "./served-calls.ts";

/** A message about one call. */
export type MessageOfCall =
  | Extract<Message, { kind: "request" | "attach" | "result" | "failure" | "message" | "begin" }>
  | StreamMessage;

/** All open calls of a session. */
export type Calls = {
  /** Calls of this side that wait for their answers or streams. */
  readonly outgoingCount: number;
  /** Calls of the peer whose answers or streams are not complete. */
  readonly incomingCount: number;
  /** Starts a call, or attaches to one. Throws `BAD_REQUEST`, or `TOO_LARGE` for a request over a limit. */
  start(options: CallOptions & { id: CallId }): OutgoingCall;
  /** Takes a message of the peer. Returns the peer's violation, if there is one. */
  take(message: MessageOfCall): NegotiatorError | undefined;
  /** Whether the message is about an open call, or makes one. */
  isOpen(message: MessageOfCall): boolean;
  /** A message about this call breaks the protocol: the call ends on both sides. */
  breach(id: CallId, error: NegotiatorError): void;
  /** The peer has refused the request before anything began, so it goes out again in the next session. */
  markUnsent(id: CallId): void;
  /** A message with this id is invalid: aborts this side's call of that id, or refuses the peer's. */
  refuse(id: CallId, error: NegotiatorError): void;
  /** Cancels the peer's calls that are not detached. */
  cancelServed(reason: string): void;
  /** The session is lost: sent calls fail with `error`, the others go into the next session. */
  lose(error: NegotiatorError): void;
  /** The session has ended: calls fail with `sent` if they were sent, else with `unsent`. */
  end(sent: NegotiatorError, unsent: NegotiatorError): void;
  /** As `OutgoingCalls.claim`. */
  claim(id: CallId, over?: FrozenOutgoing): OutgoingCall | undefined;
  freeze(): FrozenCalls;
  thaw(frozen: FrozenCalls): void;
};

/** The calls of a session as plain data. */
export type FrozenCalls = {
  outgoing: FrozenOutgoing[];
  /** Calls of the peer that are answered, and whose streams are not complete. */
  answered: FrozenIncoming[];
  served: FrozenServed;
};

type CallsOptions = {
  limits: Limits;
  served: ServedCalls;
  /** The peer's share of the memory of all. */
  memory: MemoryShare;
  outlet: Pick<Outbox, keyof Outlet | "controlCount">;
  onCall: (call: IncomingCall) => void;
  /** Called for each request of the peer that was answered with an error, so that no call began. */
  onRefused: (request: Request & { id: CallId }, error: NegotiatorError) => void;
  /** Returns the longest line, in bytes, that the present peer takes. */
  peerLineBytes: () => number;
};

/** Creates the calls of a session, with none open. */
export function createCalls(options: CallsOptions): Calls {
  const { firstCreditBytes, streamCreditBytes, extraCreditBytes } = options.limits;
  const { memory } = options;
  const pool = createCreditPool(extraCreditBytes, memory);
  const window = { firstBytes: firstCreditBytes, mostBytes: streamCreditBytes, pool, memory };
  const outgoing = createOutgoingCalls({ ...options, window });
  const incoming = createIncomingCalls({ ...options, window });

  return {
    get outgoingCount() {
      return outgoing.count;
    },
    get incomingCount() {
      return incoming.count;
    },
    start(call) {
      if (outgoing.has(call.id) || incoming.has(call.id)) throw duplicateId(call.id);
      return outgoing.start(call);
    },
    take(message) {
      switch (message.kind) {
        case "request": {
          const { id } = message;
          if (id === undefined) return undefined;
          if (outgoing.has(id)) incoming.refuseRequest({ ...message, id }, duplicateId(id));
          else incoming.take({ ...message, id });
          return undefined;
        }
        case "attach":
          if (outgoing.has(message.id)) incoming.refuse(message.id, duplicateId(message.id));
          else incoming.attach(message);
          return undefined;
        case "result":
        case "failure":
          return outgoing.take(message.id ?? "", message);
        case "message":
          if (outgoing.has(message.call)) return outgoing.take(message.call, message);
          incoming.takeMessage(message);
          return undefined;
        case "begin":
          return outgoing.take(message.call, message);
        default:
          return outgoing.has(message.call)
            ? outgoing.take(message.call, message)
            : incoming.takeStream(message.call, message);
      }
    },
    isOpen(message) {
      if (message.kind === "request" || message.kind === "attach") return true;
      const id = "call" in message ? message.call : (message.id ?? "");
      return outgoing.has(id) || incoming.has(id);
    },
    breach(id, error) {
      if (outgoing.has(id)) outgoing.breach(id, error);
      else incoming.breach(id, error);
    },
    markUnsent: (id) => outgoing.markUnsent(id),
    refuse(id, error) {
      if (outgoing.has(id)) outgoing.abort(id, error);
      else incoming.refuse(id, error);
    },
    cancelServed: (reason) => incoming.cancelAttached(cancelled(reason)),
    lose(error) {
      incoming.detachAll();
      outgoing.resubmit(error);
    },
    end(sent, unsent) {
      incoming.detachAll();
      outgoing.abortAll(sent, unsent);
    },
    claim: (id, over) => outgoing.claim(id, over),
    freeze: () => ({
      outgoing: outgoing.freeze(),
      answered: incoming.freeze(),
      served: options.served.freeze(),
    }),
    thaw(frozen) {
      outgoing.thaw(frozen.outgoing);
      incoming.thaw(frozen.answered, frozen.served);
    },
  };
}

function duplicateId(id: CallId): NegotiatorError {
  return new NegotiatorError("BAD_REQUEST", `The call id "${id}" belongs to an open call`);
}
