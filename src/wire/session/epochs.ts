/** Which session an epoch goes on with: both sides' names for it, and the order of its messages. */
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

/** What became of the session before: there was none, it goes on, or it is lost with all that was under way. */
export type Continuation = "first" | "resumed" | "lost";

export type Epochs = {
  readonly sequence: Sequence;
  readonly peer: { agent: Agent; limits: PeerLimits } | undefined;
  /** Dialler: a new hello. Only an answer with its nonce counts from now on. */
  hello(): { nonce: string; bytes: Uint8Array };
  /** Dialler: the answer has come. Throws `BAD_REQUEST` when it makes no sense. */
  welcome(result: unknown): Continuation;
  /** Listener: a hello has come. Throws `BAD_REQUEST`, `UNSUPPORTED`. */
  greet(request: Request): { answer: Uint8Array; continuation: Continuation };
  /** The session is over; the next epoch begins another. */
  forget(): void;
};

type EpochsOptions = { agent: Agent; limits: Limits; makeId: () => string };

export function createEpochs({ agent, limits, makeId }: EpochsOptions): Epochs {
  let sequence = createSequence(limits.unacknowledgedBytes);
  let peer: Epochs["peer"];
  /** Made by the dialler, and by the listener: a restart of either makes another pair. */
  let id: string | undefined;
  let instance: string | undefined;
  /** Listener: the instance, of an agent before us or none, that the hello named with which the session began. */
  let before: string | undefined;

  /** There was a session: what it had under way is lost if another begins. */
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
        // The listener thinks that the session goes on, and it cannot: only a new name ends it there as well.
        id = instance = undefined;
        throw new NegotiatorError("BAD_FRAME", "The other side has seen messages that were never sent");
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
      // One that names the same as at the beginning never saw our answer, and nothing else of this session.
      const isUnanswered = hello.session.instance === before && sequence.received === 0;
      const isSame = instance !== undefined && hello.session.id === id && (isNamed || isUnanswered);
      const seen = isNamed ? hello.session.received : 0;
      const continuation = isSame && sequence.rewind(seen) ? "resumed" : restart();
      if (continuation !== "resumed") {
        instance = makeId();
        before = hello.session.instance;
      }
      id = hello.session.id;
      peer = { agent: hello.agent, limits: hello.limits };
      const session = { id, instance: instance ?? "", received: sequence.received };
      return { continuation, answer: encodeWelcome(hello.nonce, { version, session, ...offer }) };
    },
    forget() {
      restart();
      hasBegun = false;
      id = instance = before = undefined;
    },
  };
}
