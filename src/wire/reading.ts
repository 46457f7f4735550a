/** From a frame's bytes to a message, in whatever dialect it is. */
import { NegotiatorError } from "../errors.ts";
import type { Dialect } from "./dialect.ts";
import { native } from "./dialects/native.ts";
import { recognise } from "./dialects/registry.ts";
import { parseJsonObject } from "./json.ts";
import type { Message } from "./message.ts";

type Reading =
  { kind: "message"; dialect: Dialect; message: Message } | { kind: "unreadable"; error: NegotiatorError };

export function readMessage(bytes: Uint8Array): Reading {
  try {
    // Nearly everything is native: looking for the dialect first would read every message twice.
    return { kind: "message", dialect: native, message: native.decode(bytes) };
  } catch (thrown) {
    return readForeign(bytes) ?? { kind: "unreadable", error: NegotiatorError.from(thrown) };
  }
}

function readForeign(bytes: Uint8Array): Reading | undefined {
  try {
    const dialect = recognise(parseJsonObject(bytes));
    return dialect === undefined ? undefined : { kind: "message", dialect, message: dialect.decode(bytes) };
  } catch (thrown) {
    return { kind: "unreadable", error: NegotiatorError.from(thrown) };
  }
}
