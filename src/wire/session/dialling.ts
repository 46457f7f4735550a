/** The dialler's part of the greeting: sends a hello and takes its answer. */
import { NegotiatorError } from "../../errors.ts";
import type { ControlQueue } from "./control-queue.ts";
import type { Continuation, Epochs } from "./epochs.ts";
import { readRefusal } from "./handshake.ts";
import type { Agent } from "./handshake.ts";
import type { Receiver } from "./receiver.ts";
import type { Message } from "../message.ts";
import type { Status } from "./status.ts";

/** A dialler's hello. */
export type Dialling = {
  /** The nonce of the last hello. */
  readonly nonce: string;
  /** Puts a new hello alone into the control queue. */
  sendHello(): void;
  /** Takes a message while the hello waits. Ignores all messages but the answer with the nonce. */
  take(message: Message): void;
};

type DiallingOptions = {
  epochs: Epochs;
  agent: Agent;
  receiver: Pick<Receiver, "expectAnswer">;
  controlQueue: ControlQueue;
  status: Status;
  /** Called when the peer has accepted the hello. */
  onOpen: (continuation: Continuation) => void;
  /** Called when the peer has refused the hello. */
  onRefused: (reason: NegotiatorError) => void;
};

/** Creates the dialler's part; no hello is sent yet. */
export function createDialling(options: DiallingOptions): Dialling {
  const { epochs, agent, receiver, controlQueue, status, onOpen, onRefused } = options;
  let nonce = "";

  return {
    get nonce() {
      return nonce;
    },
    sendHello() {
      const hello = epochs.hello();
      nonce = hello.nonce;
      receiver.expectAnswer(nonce);
      status.change("dialling");
      controlQueue.clear();
      controlQueue.pushBytes(hello.bytes);
    },
    take(message) {
      if ((message.kind !== "result" && message.kind !== "failure") || message.id !== nonce) return;
      if (message.kind === "failure") {
        onRefused(readRefusal(message.error, agent));
        return;
      }
      try {
        onOpen(epochs.welcome(message.result));
      } catch (thrown) {
        status.cut(NegotiatorError.from(thrown));
      }
    },
  };
}
