/**
 * A native session on a channel that can be cut at any moment: hellos and their answers, who listens at the other end,
 * liveness, and an orderly end. Bytes go in, bytes come out; the time comes in as an argument, in milliseconds.
 */
import { NegotiatorError } from "../../errors.ts";
import { createControlQueue } from "./control-queue.ts";
import { createConversation } from "./conversation.ts";
import { createEpochs } from "./epochs.ts";
import type { Continuation } from "./epochs.ts";
import { createFramer } from "../frames/framing.ts";
import type { Frame, Framer } from "../frames/framing.ts";
import { encodeRefusal, isHello, isProbe } from "./handshake.ts";
import type { Agent } from "./handshake.ts";
import type { IncomingCall } from "../calls/incoming-call.ts";
import { DEFAULT_LIMITS } from "../../limits.ts";
import type { Limits } from "../../limits.ts";
import { createLiveness } from "./liveness.ts";
import { clipText, toWireError } from "../message.ts";
import type { Message, Request } from "../message.ts";
import type { CallOptions, OutgoingCall } from "../calls/outgoing-call.ts";
import type { JsonObject } from "../json.ts";
import { readFrame } from "../reading.ts";
import { createServedCalls } from "../calls/served-calls.ts";
import type { ServedCalls } from "../calls/served-calls.ts";

/**
 * `idle`: nobody has said hello. `dialling`: our hello waits for its answer. `open`: messages flow.
 * `cut`: the channel is gone, or what comes over it makes no sense; the dialler has to dial again. `foreign`: the peer
 * speaks another dialect, as far as is known. `ended`: closed by this side, for good.
 */
export type SessionState = "idle" | "dialling" | "open" | "cut" | "foreign" | "ended";

export type SessionOptions = {
  /** The dialler begins epochs: it says hello. */
  side: "dialler" | "listener";
  agent: Agent;
  /** Random text that nobody else makes, 22 printable characters or more. */
  makeId: () => string;
  limits?: Limits;
  /** Shared by the sessions of one peer, so that calls outlive them. */
  served?: ServedCalls;
  onCall: (call: IncomingCall) => void;
  onNotice?: (method: string, params: unknown) => void;
  /** `next` has something to give. */
  onOutput: () => void;
  onState?: (state: SessionState, reason?: NegotiatorError) => void;
  /**
   * The peer keeps sending what makes no sense. Nothing more is heard from it until `dial` or `cut`; whoever holds the
   * channel is to close it.
   */
  onNonsense?: (reason: NegotiatorError) => void;
  /** Takes every frame that is not native. Returns whether some dialect knows it; if not, it counts as a fault. */
  onForeign?: (frame: ForeignFrame) => boolean;
};

/** A JSON object that is not native, and the nonce of our hello while that waits for its answer. */
export type ForeignFrame = { object: JsonObject; hello: string | undefined };

export type Session = {
  readonly state: SessionState;
  /** Known once the session was open. */
  readonly peer: Agent | undefined;
  /** False while the peer has been silent for too long, though it was asked. */
  readonly isResponsive: boolean;
  /** The time, as `receive` was told it, at which something last came in an open session; 0 is never. */
  readonly heardMs: number;
  /** Calls of this side that wait. */
  readonly outgoingCount: number;
  /** Calls of the peer that are served. */
  readonly incomingCount: number;
  /** Lines outside the order that wait, those of other dialects among them. */
  readonly unsentLines: number;
  /** A new channel is there: say hello on it. Dialler only. */
  dial(): void;
  /** The channel is gone. */
  cut(): void;
  receive(bytes: Uint8Array, nowMs: number): void;
  /** Asks the peer for a sign of life, if it can be asked now. */
  ask(): void;
  /** The next bytes to write, at most one message; undefined when there is nothing to say now. */
  next(): Uint8Array | undefined;
  /** To be called about once a second. */
  tick(nowMs: number): void;
  /** Throws `TOO_LARGE`, `BAD_REQUEST` or `CLOSED`; every later failure goes to the call's answer. */
  call(options: CallOptions): OutgoingCall;
  /** Throws `TOO_LARGE`, `BAD_REQUEST`, and `BUSY` when too much waits already. */
  notify(method: string, params?: unknown): void;
  /** Sends bytes of another dialect, before all that waits. */
  sendForeign(bytes: Uint8Array): void;
  /**
   * The peer speaks another dialect, whose `label` names it in messages. A dialler's calls end, and it says nothing more
   * until `dial`. A listener's open session is cut, and goes on after the next hello.
   */
  yieldTo(label: string): void;
  /**
   * Ends the calls that are served here, except those that are detached, for a peer that seems to be gone. If it comes
   * back, the session goes on, and they are answered as ended by `cancel`.
   */
  dismiss(reason: string): void;
  /** Tells the peer that it is over, and ends every open call. */
  close(reason: string): void;
};

export function createSession(options: SessionOptions): Session {
  const limits = options.limits ?? DEFAULT_LIMITS;
  const served = options.served ?? createServedCalls(limits);
  const epochs = createEpochs({ agent: options.agent, limits, makeId: options.makeId });
  const liveness = createLiveness(limits);
  let state: SessionState = "idle";
  let framer = createSideFramer();
  const aside = createControlQueue(options.onOutput);
  let nonce = "";
  let strangers = 0;
  /** What made no sense since the channel came, or since the last hello or call of an old host. */
  let faults = 0;
  let isDeaf = false;
  let clockMs = 0;

  /** Only an old caller's message may be longer than a line, and a dialler is called by none. */
  function createSideFramer(): Framer {
    const lengthPrefixedBytes = Math.min(limits.lengthPrefixedBytes, limits.lineBytes);
    return createFramer(options.side === "dialler" ? { ...limits, lengthPrefixedBytes } : limits);
  }

  const change = (next: SessionState, reason?: NegotiatorError): void => {
    if (state === next) return;
    state = next;
    options.onState?.(next, reason);
  };

  /** The order is lost, or the peer makes no sense: nothing counts until the next hello. */
  const breakOff = (reason: NegotiatorError): void => {
    aside.clear();
    change("cut", reason);
  };

  /** Before a hello nothing is said of it: a python-negotiator may be listening, and it dies of a complaint. */
  const takeFault = (error: NegotiatorError): void => {
    if (++faults > limits.faults) stopListening();
    else if (state === "open") aside.say({ kind: "failure", id: null, error: toWireError(error) });
  };

  const stopListening = (): void => {
    if (isDeaf) return;
    isDeaf = true;
    framer = createSideFramer();
    const reason = new NegotiatorError("BAD_FRAME", "The other side keeps sending what makes no sense");
    breakOff(reason);
    options.onNonsense?.(reason);
  };

  const listenAgain = (): void => {
    isDeaf = false;
    faults = 0;
  };

  const conversation = createConversation({
    limits,
    served,
    epochs,
    aside,
    onFault: takeFault,
    onCall: options.onCall,
    onNotice: (method, params) => options.onNotice?.(method, params),
    onOutput: options.onOutput,
    onBroken: breakOff,
    onResync: () => {
      if (options.side === "dialler")
        breakOff(new NegotiatorError("BAD_FRAME", "The other side misses messages"));
    },
    onGoodbye: (reason) => leave(reason),
  });

  const open = (continuation: Continuation): void => {
    strangers = faults = 0;
    liveness.heard(clockMs);
    conversation.begin(continuation);
    change("open");
    options.onOutput();
  };

  /** The peer has gone in order, or for good: a dialler may try again, a listener waits for the next hello. */
  const leave = (reason: NegotiatorError): void => {
    conversation.end(reason);
    change(options.side === "dialler" ? "cut" : "idle", reason);
  };

  const ask = (): void => {
    if (state === "open") aside.say({ kind: "ping" });
  };

  /** Whatever is left of the bytes at hand counts no more. */
  const hasEnough = (): boolean => isDeaf || state === "ended";

  const takeFrame = (frame: Frame): void => {
    if (frame.kind === "message") takeBytes(frame.bytes);
    else takeFault(frame.error);
  };

  const takeBytes = (bytes: Uint8Array): void => {
    const read = readFrame(bytes);
    if (read.kind === "unreadable") takeFault(read.error);
    else if (read.kind === "foreign") takeForeign(read.object);
    else if (bytes.length > limits.lineBytes) takeFault(tooLong(bytes.length));
    else takeNative(read.message, bytes.length);
  };

  const takeNative = (message: Message, length: number): void => {
    if (options.side === "listener" && isHello(message)) greet(message);
    else if (state === "dialling") takeWelcome(message);
    else if (state === "open") conversation.take(message, length);
    else if (state === "idle") refuseStranger(message);
  };

  const takeForeign = (object: JsonObject): void => {
    const hello = state === "dialling" ? nonce : undefined;
    if (options.onForeign?.({ object, hello }) !== true) takeFault(UNKNOWN_DIALECT);
  };

  const greet = (request: Request): void => {
    const helloNonce = String(request.id);
    if (isProbe(request)) {
      // Who asks without listening is not answered for ever.
      if (aside.length < limits.faults) aside.write(encodeRefusal(helloNonce, probed()));
      return;
    }
    aside.clear();
    try {
      const { answer, continuation } = epochs.greet(request);
      aside.write(answer);
      open(continuation);
    } catch (thrown) {
      aside.write(encodeRefusal(helloNonce, NegotiatorError.from(thrown)));
    }
  };

  const takeWelcome = (message: Message): void => {
    if ((message.kind !== "result" && message.kind !== "failure") || message.id !== nonce) return;
    if (message.kind === "failure") {
      const { code, message: text } = message.error;
      const refusal = new NegotiatorError(code, `The other side refuses to talk: ${clipText(text)}`);
      conversation.end(refusal);
      breakOff(refusal);
      return;
    }
    try {
      open(epochs.welcome(message.result));
    } catch (thrown) {
      breakOff(NegotiatorError.from(thrown));
    }
  };

  /**
   * The peer talks as in a session, so it does not know that this side was started anew: it has to say hello. A request
   * that is refused by its id has not begun.
   */
  const refuseStranger = (message: Message): void => {
    if (++strangers > limits.faults) return;
    const error = new NegotiatorError(
      "CLOSED",
      "No session is open: say hello first (method negotiate:NONCE)",
    );
    if (message.kind === "request" && message.id !== undefined) {
      aside.say({ kind: "failure", id: message.id, error: toWireError(error) });
    }
    aside.say({ kind: "resync", received: 0 });
  };

  return {
    get state() {
      return state;
    },
    get peer() {
      return epochs.peer?.agent;
    },
    get isResponsive() {
      return liveness.isResponsive;
    },
    get heardMs() {
      return liveness.heardMs;
    },
    get outgoingCount() {
      return conversation.outgoingCount;
    },
    get incomingCount() {
      return conversation.incomingCount;
    },
    get unsentLines() {
      return aside.length;
    },
    dial() {
      if (options.side === "listener" || state === "ended") return;
      framer = createSideFramer();
      listenAgain();
      const hello = epochs.hello();
      nonce = hello.nonce;
      change("dialling");
      aside.clear();
      aside.write(hello.bytes);
    },
    cut() {
      listenAgain();
      if (state !== "ended") breakOff(new NegotiatorError("CLOSED", "The channel was cut"));
    },
    receive(bytes, nowMs) {
      if (hasEnough()) return;
      clockMs = nowMs;
      if (state === "open") liveness.heard(nowMs);
      for (const frame of framer.push(bytes)) {
        takeFrame(frame);
        if (hasEnough()) break;
      }
      if (epochs.sequence.acknowledgement === "due") options.onOutput();
    },
    ask,
    next() {
      const first = aside.shift();
      if (first !== undefined) return first;
      return state === "open" ? conversation.next() : undefined;
    },
    tick(nowMs) {
      clockMs = nowMs;
      served.expire(nowMs);
      // A listener that was cut by a gap may wait for its next hello in vain.
      if (state !== "open" && (state !== "cut" || options.side === "dialler")) return;
      // Who listens to a session that was cut may be an old host: it is told nothing.
      if (state === "open") epochs.sequence.hasten();
      if (epochs.sequence.acknowledgement === "due") options.onOutput();
      const silence = liveness.tick(nowMs);
      if (silence === "ask") ask();
      const isLong = silence === "unresponsive" || silence === "abandon";
      if (isLong && options.side === "dialler") breakOff(silent());
      if (silence === "abandon" && options.side === "listener") leave(silent());
    },
    call({ id = options.makeId(), ...rest }) {
      if (state === "ended" || state === "foreign")
        throw new NegotiatorError("CLOSED", "The session has ended");
      return conversation.call({ id, ...rest });
    },
    notify: (method, params = {}) => conversation.notify(method, params),
    sendForeign: (bytes) => aside.write(bytes),
    yieldTo(label) {
      faults = 0;
      if (options.side === "listener") {
        if (state === "open")
          breakOff(new NegotiatorError("CLOSED", `A ${label} peer took the channel over`));
        return;
      }
      const reason = new NegotiatorError("UNSUPPORTED", `The agent at the other end is a ${label}`);
      conversation.end(reason);
      change("foreign", reason);
    },
    dismiss: (reason) => conversation.dismiss(reason),
    close(reason) {
      if (state === "open") aside.say({ kind: "goodbye", reason });
      const closed = new NegotiatorError("CLOSED", `The session was closed: ${reason}`);
      conversation.end(closed);
      served.cancelAll(closed);
      change("ended", closed);
    },
  };
}

/** Made once: a peer can send thousands of such objects. */
const UNKNOWN_DIALECT = new NegotiatorError(
  "BAD_FRAME",
  'Cannot read a message: "jsonrpc" is not "2.0", and no other dialect knows it',
);

function silent(): NegotiatorError {
  return new NegotiatorError("CLOSED", "The other side has been silent for too long");
}

function probed(): NegotiatorError {
  return new NegotiatorError("UNSUPPORTED", "This hello only asked what is spoken here: no session begins");
}

/** A counted frame may be longer than a line, but only an old peer's. */
function tooLong(bytes: number): NegotiatorError {
  return new NegotiatorError("TOO_LARGE", `Cannot take a message of ${bytes} bytes`);
}
