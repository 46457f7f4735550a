/** Creates the parts of a session, and connects them. */
import type { NegotiatorError } from "../../errors.ts";
import { createControlQueue } from "./control-queue.ts";
import { createConversation } from "./conversation.ts";
import type { FrozenConversation } from "./conversation.ts";
import type { FrozenFrames } from "../frames/listener-reader.ts";
import { createDialling } from "./dialling.ts";
import { createEpochs } from "./epochs.ts";
import type { Continuation, FrozenEpochs } from "./epochs.ts";
import type { Agent } from "./handshake.ts";
import type { IncomingCall } from "../calls/incoming-call.ts";
import { createIntake } from "./intake.ts";
import type { ForeignFrame } from "./intake.ts";
import { createInvalidInput } from "./invalid-input.ts";
import { DEFAULT_LIMITS } from "../../limits.ts";
import type { Limits } from "../../limits.ts";
import { createListening } from "./listening.ts";
import { createOwnMemory } from "../memory.ts";
import type { MemoryShare } from "../memory.ts";
import { toWireError } from "../message.ts";
import type { CallId, Request } from "../message.ts";
import { createPeerTimeout } from "./peer-timeout.ts";
import { createReceiver } from "./receiver.ts";
import { createSilence } from "./silence.ts";
import { createServedCalls } from "../calls/served-calls.ts";
import type { ServedCalls } from "../calls/served-calls.ts";
import { createStatus } from "./status.ts";
import { createTraffic } from "./traffic.ts";
import type { SessionState } from "./status.ts";

/** The options of a session. */
export type SessionOptions = {
  /** The dialler begins epochs: it sends hellos. The listener answers them. */
  side: "dialler" | "listener";
  agent: Agent;
  /** Returns unique random text: at least 22 printable characters. */
  makeId: () => string;
  limits?: Limits;
  /**
   * The kind of the channel. A port can be cut at any byte, and a socket loses nothing before its end. `port`
   * by default.
   */
  medium?: "port" | "socket";
  /**
   * Whether the owner of a dialler dials again after a cut; true by default. Only then may a peer that is
   * silent for some seconds be greeted again: without a second channel that would end the session.
   */
  isRedialled?: boolean;
  /** Whether stream chunks may go out with their bytes behind their line; true by default. */
  offersRaw?: boolean;
  /** The peer's share of the memory of all peers; without it, only the session's own limits hold. */
  memory?: MemoryShare;
  /** Shared by the sessions of one peer, so that its calls outlive a session. */
  served?: ServedCalls;
  onCall: (call: IncomingCall) => void;
  /** Called for each request of the peer that a limit has refused. The peer has its answer already. */
  onCallRefused?: (request: Request & { id: CallId }, error: NegotiatorError) => void;
  /** Called once for each notice of the peer. */
  onNotice?: (method: string, params: unknown) => void;
  /**
   * Called when notices of this side are lost, with their number. A notice is lost when its session ends,
   * or is lost after the notice was sent; it may have arrived without an acknowledgement.
   */
  onNoticesLost?: (count: number) => void;
  /** Called when `next` has something to return. */
  onOutput: () => void;
  onState?: (state: SessionState, reason?: NegotiatorError) => void;
  /** Called when a hello was refused, by the peer or here. */
  onRefused?: (reason: NegotiatorError) => void;
  /**
   * Called when the peer has sent too much invalid input. The session reads nothing more until `dial` or
   * `detach`, and the owner of the channel is to close it.
   */
  onInvalid?: (reason: NegotiatorError) => void;
  /** Goes on with the session that another program has frozen. `thaw` has to be called next. */
  frozen?: FrozenSession | undefined;
  /** Takes each object that is not native. Returns whether some dialect has such a message. */
  onForeign?: (frame: ForeignFrame) => boolean;
};

/** A session as plain data. */
export type FrozenSession = {
  state: SessionState;
  epochs: FrozenEpochs;
  conversation: FrozenConversation;
  reader: FrozenFrames;
  /** The lines without a number that wait to be sent. */
  lines: Uint8Array[];
};

/** Returns the parts of a new session. A part knows only the parts that are created before it. */
export function createSessionParts(options: SessionOptions) {
  const { side, agent, makeId, limits = DEFAULT_LIMITS, onOutput } = options;
  const memory = options.memory ?? createOwnMemory();
  const served = options.served ?? createServedCalls(limits, memory);
  const controlQueue = createControlQueue(onOutput);
  const { frozen } = options;
  const status = createStatus(controlQueue, options.onState, frozen?.state);
  const isOnPort = options.medium !== "socket";
  const { offersRaw = true } = options;
  const epochs = createEpochs({
    side,
    agent,
    limits,
    makeId,
    isOnPort,
    offersRaw,
    memory,
    frozen: frozen?.epochs,
  });
  const acceptsRaw = (): boolean => epochs.isRaw;
  const awaitsAnswer = (): boolean => conversation.outgoingCount > 0;
  const receiver = createReceiver({ side, limits, isOnPort, acceptsRaw, awaitsAnswer, memory });
  const traffic = createTraffic();
  const common = { side, agent, limits, controlQueue, status, epochs, receiver, traffic };

  const invalidInput = createInvalidInput({
    limit: limits.faults,
    onInvalid(error) {
      // Before a hello the peer may be a python-negotiator, which exits on an error message.
      if (status.state === "open")
        controlQueue.push({ kind: "failure", id: null, error: toWireError(error) });
    },
    onTooMuch(reason) {
      receiver.reset();
      status.cut(reason);
      options.onInvalid?.(reason);
    },
  });
  const conversation = createConversation({
    ...common,
    served,
    memory,
    onCall: options.onCall,
    onCallRefused: (request, error) => options.onCallRefused?.(request, error),
    onNotice: (method, params) => options.onNotice?.(method, params),
    onNoticesLost: (count) => options.onNoticesLost?.(count),
    onOutput,
    onInvalid: (error) => invalidInput.add(error),
  });
  const timeout = createPeerTimeout({ ...common, isOnPort, conversation });
  // Only an agent in a guest can be replaced unseen, and only its host can greet it again.
  const canGreetAgain = side === "dialler" && isOnPort && options.isRedialled !== false;
  const silence = canGreetAgain ? createSilence() : undefined;

  /** Why the last hello was refused; undefined since a session was open. */
  const refusal: { reason: NegotiatorError | undefined } = { reason: undefined };
  const onOpen = (continuation: Continuation): void => {
    refusal.reason = undefined;
    invalidInput.clearCount();
    timeout.restart();
    silence?.restart();
    conversation.begin(continuation);
    status.change("open");
    onOutput();
  };
  const onRefused = (reason: NegotiatorError): void => {
    controlQueue.clear();
    refusal.reason = reason;
    conversation.end(side === "dialler" ? "cut" : "idle", reason);
    options.onRefused?.(reason);
  };
  const dialling = createDialling({ ...common, onOpen, onRefused });
  const listening = createListening({ ...common, limit: limits.faults, onOpen, onRefused });
  const { onForeign } = options;
  const greeting = { dialling, listening };
  const intake = createIntake({ ...common, ...greeting, invalidInput, conversation, timeout, onForeign });
  return {
    traffic,
    served,
    controlQueue,
    status,
    epochs,
    receiver,
    invalidInput,
    conversation,
    timeout,
    silence,
    refusal,
    dialling,
    intake,
  };
}
