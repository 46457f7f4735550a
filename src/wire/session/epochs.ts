/** Decides which session an epoch continues, by the two names of a session and the order of its messages. */
import { NegotiatorError } from "../../errors.ts";
import { encodeHello, encodeWelcome, PROTOCOL_VERSIONS, RAW, readHello, readWelcome } from "./handshake.ts";
import type { Agent, Hello, PeerLimits, Welcome } from "./handshake.ts";
import type { Limits } from "../../limits.ts";
import type { MemoryShare } from "../memory.ts";
import type { Request } from "../message.ts";
import type { ChunkForm } from "../dialects/native.ts";
import { createNoticeCredit } from "./notice-credit.ts";
import type { FrozenNoticeCredit, NoticeCredit } from "./notice-credit.ts";
import { createSequence } from "./sequence.ts";
import type { FrozenSequence, Sequence } from "./sequence.ts";

/** `first`: there was no session before. `resumed`: it goes on. `lost`: it has ended with its calls. */
export type Continuation = "first" | "resumed" | "lost";

/** The peer of an epoch. `farewell`: the words with which it has ended its session. */
export type EpochPeer = { agent: Agent; limits: PeerLimits; farewell?: string };

/** The names and the order of the present session. */
export type Epochs = {
  readonly sequence: Sequence;
  readonly noticeCredit: NoticeCredit;
  /** Whether both sides offer raw chunks. */
  readonly isRaw: boolean;
  /** Known since the first epoch began. */
  readonly peer: EpochPeer | undefined;
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
  freeze(): FrozenEpochs;
};

/** The names and the order of a session as plain data. */
export type FrozenEpochs = {
  sequence: FrozenSequence;
  noticeCredit: FrozenNoticeCredit;
  isRaw: boolean;
  hasBegun: boolean;
  peer?: EpochPeer | undefined;
  id?: string | undefined;
  instance?: string | undefined;
  firstInstance?: string | undefined;
};

/** Options of epochs. */
export type EpochsOptions = {
  side: "dialler" | "listener";
  agent: Agent;
  limits: Limits;
  /** Returns random text for names and nonces. */
  makeId: () => string;
  /** Whether the channel is a port, which can be cut at any byte. */
  isOnPort: boolean;
  /** Whether this side offers raw chunks. */
  offersRaw: boolean;
  /** The peer's share of the memory of all. */
  memory: MemoryShare;
  frozen: FrozenEpochs | undefined;
};

/** Creates the epochs of one side. */
export function createEpochs(options: EpochsOptions): Epochs {
  const { side, agent, limits, makeId, isOnPort, offersRaw, memory, frozen } = options;
  let { isRaw = false }: Partial<FrozenEpochs> = frozen ?? {};
  const chunkForm = (): ChunkForm => ({ isRaw, isOnPort, hasChecksum: isOnPort && side === "dialler" });
  let sequence = createSequence(limits, chunkForm, memory, frozen?.sequence);
  const windowBytes = limits.noticeCreditBytes;
  let noticeCredit = createNoticeCredit({ sendLimit: 0, windowBytes }, frozen?.noticeCredit);
  let peer: Epochs["peer"] = frozen?.peer;
  /** The dialler's name for the session, and the listener's. */
  let [id, instance] = [frozen?.id, frozen?.instance];
  /**
   * Listener: the instance in the hello that began the session: none, or an instance of an earlier listener.
   */
  let { firstInstance, hasBegun = false }: Partial<FrozenEpochs> = frozen ?? {};

  const offer = offerOf(options);

  const restart = (): Continuation => {
    const continuation = hasBegun ? "lost" : "first";
    sequence.drop();
    sequence = createSequence(limits, chunkForm, memory);
    hasBegun = true;
    return continuation;
  };

  const meet = (
    found: Pick<Welcome, "agent" | "limits" | "capabilities">,
    continuation: Continuation,
  ): void => {
    peer = { agent: found.agent, limits: found.limits };
    isRaw = offersRaw && found.capabilities.includes(RAW);
    if (continuation === "resumed") return;
    const { noticeBytes = 0 } = found.limits;
    noticeCredit = createNoticeCredit({ sendLimit: noticeBytes, windowBytes });
  };

  return {
    get sequence() {
      return sequence;
    },
    get isRaw() {
      return isRaw;
    },
    get noticeCredit() {
      return noticeCredit;
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
      const welcome = readWelcome(result, id, agent);
      const { session } = welcome;
      const isSame = session.instance === instance;
      if (isSame && !sequence.rewind(session.received)) {
        // The listener would resume this session again and again, so the next hello must have a new name.
        id = instance = undefined;
        throw new NegotiatorError("BAD_FRAME", "The peer has received messages that were never sent");
      }
      const continuation = isSame ? "resumed" : restart();
      instance = session.instance;
      meet(welcome, continuation);
      return continuation;
    },
    greet(request) {
      const hello = readHello(request, agent);
      const { isNamed, isSame } = compare(hello, { id, instance, firstInstance, sequence });
      const received = isNamed ? hello.session.received : 0;
      const continuation = isSame && sequence.rewind(received) ? "resumed" : restart();
      if (continuation !== "resumed") {
        instance = makeId();
        firstInstance = hello.session.instance;
      }
      id = hello.session.id;
      meet(hello, continuation);
      const session = { id, instance: instance ?? "", received: sequence.received };
      return {
        continuation,
        answer: encodeWelcome(hello.nonce, { version: PROTOCOL_VERSIONS.max, session, ...offer }),
      };
    },
    endSession() {
      restart();
      hasBegun = false;
      id = instance = firstInstance = undefined;
    },
    freeze() {
      const order = { sequence: sequence.freeze(), noticeCredit: noticeCredit.freeze(), isRaw, hasBegun };
      return { ...order, peer, id, instance, firstInstance };
    },
  };
}

type Known = {
  id: string | undefined;
  instance: string | undefined;
  firstInstance: string | undefined;
  sequence: Sequence;
};

/** Returns whether a hello names our instance, and whether it is about our session. */
function compare(
  { session }: Hello,
  { id, instance, firstInstance, sequence }: Known,
): { isNamed: boolean; isSame: boolean } {
  const isNamed = session.instance === instance;
  // The dialler sent the instance of its first hello again, so it has not received our answer or any later
  // message.
  const isUnanswered = session.instance === firstInstance && sequence.received === 0;
  return { isNamed, isSame: instance !== undefined && session.id === id && (isNamed || isUnanswered) };
}

/** The members that a hello and its answer have in common. */
function offerOf({
  agent,
  limits,
  offersRaw,
}: EpochsOptions): Pick<Welcome, "agent" | "limits" | "capabilities"> {
  return {
    capabilities: offersRaw ? [RAW] : [],
    agent,
    limits: { lineBytes: limits.lineBytes, noticeBytes: limits.noticeCreditBytes },
  };
}
