/** The listener's part of the greeting: answers hellos, and messages of a peer that has sent no hello. */
import { NegotiatorError } from "../../errors.ts";
import type { ControlQueue } from "./control-queue.ts";
import type { Continuation, Epochs } from "./epochs.ts";
import { encodeRefusal, isProbe } from "./handshake.ts";
import { toWireError } from "../message.ts";
import type { Message, Request } from "../message.ts";
import type { Sequence } from "./sequence.ts";
import type { Status } from "./status.ts";

/** Answers peers without a session. */
export type Listening = {
  /** Answers a hello. */
  greet(request: Request): void;
  /**
   * Asks the peer for a hello. If no session was open before, refuses a request by its id first, so that the
   * peer can send it again.
   */
  refuse(message: Message): void;
};

type ListeningOptions = {
  epochs: Pick<Epochs, "greet"> & { sequence: Pick<Sequence, "received"> };
  status: Pick<Status, "state">;
  controlQueue: ControlQueue;
  /** The most messages without a session that are answered, and the most answers to probes that may wait. */
  limit: number;
  /** Called when a hello was accepted and its answer is in the control queue. */
  onOpen: (continuation: Continuation) => void;
  /** Called when a hello was refused. Its refusal goes into the control queue afterwards. */
  onRefused: (reason: NegotiatorError) => void;
};

/** Creates the listener's part. */
export function createListening(options: ListeningOptions): Listening {
  const { epochs, status, controlQueue, limit, onOpen, onRefused } = options;
  let refused = 0;

  return {
    greet(request) {
      const nonce = String(request.id);
      if (isProbe(request)) {
        // A peer that sends probes and reads no answers must not fill the queue.
        if (controlQueue.length < limit) controlQueue.pushBytes(encodeRefusal(nonce, probed()));
        return;
      }
      controlQueue.clear();
      try {
        const { answer, continuation } = epochs.greet(request);
        controlQueue.pushBytes(answer);
        refused = 0;
        onOpen(continuation);
      } catch (thrown) {
        const reason = NegotiatorError.from(thrown);
        onRefused(reason);
        controlQueue.pushBytes(encodeRefusal(nonce, reason));
      }
    },
    refuse(message) {
      if (++refused > limit) return;
      const { kind } = message;
      const isNew = status.state === "idle" && (kind === "request" || kind === "attach");
      if (isNew && message.id !== undefined)
        controlQueue.push({ kind: "failure", id: message.id, error: toWireError(NO_SESSION) });
      controlQueue.push({ kind: "resync", received: epochs.sequence.received });
    },
  };
}

const NO_SESSION = new NegotiatorError(
  "CLOSED",
  "No session is open: send a hello first (method negotiate:NONCE)",
);

function probed(): NegotiatorError {
  return new NegotiatorError("UNSUPPORTED", "This hello only asks for the dialect: no session begins");
}
