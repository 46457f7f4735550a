/** Reads a channel's bytes, and hands each message to the part that takes it in the present state. */
import { NegotiatorError } from "../../errors.ts";
import type { Conversation } from "./conversation.ts";
import type { Dialling } from "./dialling.ts";
import { isHello } from "./handshake.ts";
import type { InvalidInput } from "./invalid-input.ts";
import type { JsonObject } from "../json.ts";
import type { Listening } from "./listening.ts";
import type { Message } from "../message.ts";
import type { PeerTimeout } from "./peer-timeout.ts";
import type { Reading } from "../reading.ts";
import type { Receiver } from "./receiver.ts";
import type { Status } from "./status.ts";
import type { Traffic } from "./traffic.ts";

/** A JSON object that is not native, and the nonce of this side's hello while that waits for its answer. */
export type ForeignFrame = { object: JsonObject; hello: string | undefined };

/** Takes bytes. */
export type Intake = {
  /** Whether the session reads nothing, because it has ended or there was too much invalid input. */
  readonly isClosed: boolean;
  /** Takes the next bytes of the channel. */
  take(bytes: Uint8Array, nowMs: number): void;
  /** Called about once a second. */
  tick(nowMs: number): void;
};

type IntakeOptions = {
  side: "dialler" | "listener";
  status: Status;
  traffic: Traffic;
  receiver: Receiver;
  invalidInput: InvalidInput;
  dialling: Dialling;
  listening: Listening;
  conversation: Conversation;
  timeout: Pick<PeerTimeout, "pong">;
  /** Takes an object of another dialect. Returns whether some dialect has such a message. */
  onForeign: ((frame: ForeignFrame) => boolean) | undefined;
};

/** Creates the intake of a session. */
export function createIntake(options: IntakeOptions): Intake {
  const { side, status, traffic, receiver, invalidInput, dialling, listening, conversation, timeout } =
    options;

  const isClosed = (): boolean => invalidInput.isTooMuch || status.state === "ended";

  const takeNative = (message: Message, bytes: number): void => {
    if (status.state === "open") {
      if (message.kind === "pong") timeout.pong();
      return conversation.take(message, bytes);
    }
    traffic.unneeded++;
    traffic.unneededBytes += bytes;
    if (status.state === "dialling") dialling.take(message);
    else if (side === "listener") listening.refuse(message);
  };

  const takeForeign = (object: JsonObject): void => {
    const hello = status.state === "dialling" ? dialling.nonce : undefined;
    if (options.onForeign?.({ object, hello }) !== true) invalidInput.add(UNKNOWN_DIALECT);
  };

  const takeReading = (reading: Reading): void => {
    traffic.messages++;
    if (reading.kind !== "native") {
      traffic.unneeded++;
      if ("bytes" in reading) traffic.unneededBytes += reading.bytes;
      else traffic.unsized++;
    }
    switch (reading.kind) {
      case "hello":
        if (isHello(reading.message)) listening.greet(reading.message);
        return;
      case "native":
        takeNative(reading.message, reading.bytes);
        return;
      case "foreign":
        takeForeign(reading.object);
        return;
      case "unreadable":
        invalidInput.add(reading.error);
        return;
      case "broken":
        if (status.state === "open") status.cut(reading.error);
        return;
      case "ignored":
    }
  };

  return {
    get isClosed() {
      return isClosed();
    },
    take(bytes, nowMs) {
      for (const reading of receiver.read(bytes, nowMs)) {
        takeReading(reading);
        if (isClosed()) return receiver.reset();
        // After a gap in the numbers the bytes are still in order, and the messages are not.
        if (status.state === "cut") receiver.lose();
      }
    },
    tick(nowMs) {
      const dropped = receiver.tick(nowMs);
      if (dropped !== undefined) takeReading(dropped);
    },
  };
}

/** A peer can send thousands of such objects, so the error is made once. */
const UNKNOWN_DIALECT = new NegotiatorError(
  "BAD_FRAME",
  'Cannot read a message: "jsonrpc" is not "2.0", and no other dialect has such a message',
);
