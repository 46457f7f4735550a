/** Reads a channel's bytes, and hands each message to the part that takes it in the present state. */
import { NegotiatorError } from "../../errors.ts";
import type { Conversation } from "./conversation.ts";
import type { Dialling } from "./dialling.ts";
import { isHello } from "./handshake.ts";
import type { InvalidInput } from "./invalid-input.ts";
import type { JsonObject } from "../json.ts";
import type { Listening } from "./listening.ts";
import type { Message } from "../message.ts";
import type { Received, Receiver } from "./receiver.ts";
import type { Status } from "./status.ts";

/** A JSON object that is not native, and the nonce of this side's hello while that waits for its answer. */
export type ForeignFrame = { object: JsonObject; hello: string | undefined };

/** Takes bytes. */
export type Intake = {
  /** Whether the session reads nothing, because it has ended or there was too much invalid input. */
  readonly isClosed: boolean;
  /** Takes the next bytes of the channel. */
  take(bytes: Uint8Array): void;
};

type IntakeOptions = {
  side: "dialler" | "listener";
  status: Status;
  receiver: Receiver;
  invalidInput: InvalidInput;
  dialling: Dialling;
  listening: Listening;
  conversation: Conversation;
  /** Takes an object of another dialect. Returns whether some dialect has such a message. */
  onForeign: ((frame: ForeignFrame) => boolean) | undefined;
};

/** Creates the intake of a session. */
export function createIntake(options: IntakeOptions): Intake {
  const { side, status, receiver, invalidInput, dialling, listening, conversation } = options;

  const isClosed = (): boolean => invalidInput.isTooMuch || status.state === "ended";

  const takeNative = (message: Message, bytes: number): void => {
    if (side === "listener" && isHello(message)) listening.greet(message);
    else if (status.state === "dialling") dialling.take(message);
    else if (status.state === "open") conversation.take(message, bytes);
    else if (status.state === "idle") listening.refuse(message);
  };

  const takeForeign = (object: JsonObject): void => {
    const hello = status.state === "dialling" ? dialling.nonce : undefined;
    if (options.onForeign?.({ object, hello }) !== true) invalidInput.add(UNKNOWN_DIALECT);
  };

  const takeReceived = (received: Received): void => {
    if (received.kind === "native") takeNative(received.message, received.bytes);
    else if (received.kind === "foreign") takeForeign(received.object);
    else invalidInput.add(received.error);
  };

  return {
    get isClosed() {
      return isClosed();
    },
    take(bytes) {
      for (const received of receiver.read(bytes)) {
        takeReceived(received);
        if (isClosed()) break;
      }
    },
  };
}

/** A peer can send thousands of such objects, so the error is made once. */
const UNKNOWN_DIALECT = new NegotiatorError(
  "BAD_FRAME",
  'Cannot read a message: "jsonrpc" is not "2.0", and no other dialect has such a message',
);
