/** Decides which session an epoch continues, by the two names of a session and the order of its messages. */
import { NegotiatorError } from "../../errors.ts";
import {
  CAPABILITIES,
  chooseVersion,
  encodeHello,
  encodeWelcome,
  PROTOCOL_VERSIONS,
  readHello,
  readWelcome,
} from "./handshake.ts";
import type { Agent, PeerLimits } from "./handshake.ts";
import type { Limits } from "../../limits.ts";
import type { Request } from "../message.ts";
import { createSequence } from "./sequence.ts";
import type { Sequence } from "./sequence.ts";

/** `first`: there was no session before. `resumed`: it goes on. `lost`: it has ended with its calls. */
export type Continuation = "first" | "resumed" | "lost";

/** The names and the order of the present session. */
export type Epochs = {
  readonly sequence: Sequence;
  /** Known since the first epoch began. */
  readonly peer: { agent: Agent; limits: PeerLimits } | undefined;
  /** Dialler: returns a new hello. Only an answer with its nonce counts from now on. */
  hello(): { nonce: string; bytes: Uint8Array };
  /** Dialler: takes the answer. Throws `BAD_REQUEST`, `UNSUPPORTED` or `BAD_FRAME` when it is invalid. */
  welcome(result: unknown): Continuation;
  /**
   * Listener: takes a hello. Throws `BAD_REQUEST` when it is invalid, `UNSUPPORTED` without a common version.
   */
  greet(request: Request): { answer: Uint8Array; continuation: Continuation };
  /** Ends the session: the next epoch begins another. */
  endSession(): void;
};

type EpochsOptions = { agent: Agent; limits: Limits; makeId: () => string };

/** Creates the epochs of one side. `makeId` returns random text for names and nonces. */
export function createEpochs({ agent, limits, makeId }: EpochsOptions): Epochs {
  let sequence = createSequence(limits.unacknowledgedBytes);
  let peer: Epochs["peer"];
  /** The dialler's name for the session. */
  let id: string | undefined;
  /** The listener's name for the session. */
  let instance: string | undefined;
  /**
   * Listener: the instance in the hello that began the session: none, or an instance of an earlier listener.
   */
  let firstInstance: string | undefined;
  let hasBegun = false;

  const offer = { capabilities: [...CAPABILITIES], agent, limits: { lineBytes: limits.lineBytes } };

  const restart = (): Continuation => {
    const continuation = hasBegun ? "lost" : "first";
    sequence = createSequence(limits.unacknowledgedBytes);
    hasBegun = true;
    return continuation;
  };

  return {
    get sequence() {
      return sequence;
    },
    get peer() {
      return peer;
    },
    hello() {
      id ??= makeId();
      const nonce = makeId();
      const session = { id, received: sequence.received, ...(instance === undefined ? {} : { instance }) };
      return { nonce, bytes: encodeHello({ nonce, versions: PROTOCOL_VERSIONS, session, ...offer }) };
    },
    welcome(result) {
      const { session, agent: peerAgent, limits: peerLimits } = readWelcome(result, id);
      const isSame = session.instance === instance;
      if (isSame && !sequence.rewind(session.received)) {
        // The listener would resume this session again and again, so the next hello must have a new name.
        id = instance = undefined;
        throw new NegotiatorError("BAD_FRAME", "The peer has received messages that were never sent");
      }
      const continuation = isSame ? "resumed" : restart();
      instance = session.instance;
      peer = { agent: peerAgent, limits: peerLimits };
      return continuation;
    },
    greet(request) {
      const hello = readHello(request);
      const version = chooseVersion(hello.versions);
      const isNamed = hello.session.instance === instance;
      // The dialler sent the instance of its first hello again, so it has not received our answer or any
      // later message.
      const isUnanswered = hello.session.instance === firstInstance && sequence.received === 0;
      const isSame = instance !== undefined && hello.session.id === id && (isNamed || isUnanswered);
      const received = isNamed ? hello.session.received : 0;
      const continuation = isSame && sequence.rewind(received) ? "resumed" : restart();
      if (continuation !== "resumed") {
        instance = makeId();
        firstInstance = hello.session.instance;
      }
      id = hello.session.id;
      peer = { agent: hello.agent, limits: hello.limits };
      const session = { id, instance: instance ?? "", received: sequence.received };
      return { continuation, answer: encodeWelcome(hello.nonce, { version, session, ...offer }) };
    },
    endSession() {
      restart();
      hasBegun = false;
      id = instance = firstInstance = undefined;
    },
  };
}
