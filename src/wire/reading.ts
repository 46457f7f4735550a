/** From a frame's bytes to a message, in whatever dialect it is. */
import { NegotiatorError } from "../errors.ts";
import type { Dialect } from "./dialect.ts";
import { native } from "./dialects/native.ts";
import { recognise } from "./dialects/registry.ts";
import { parseJsonObject } from "./json.ts";
import type { Message } from "./message.ts";

type Reading =
  { kind: "message"; dialect: Dialect; message: Message } | { kind: "unreadable"; error: NegotiatorError };

/** Unreadable is what `parseJsonObject` refuses, with its codes, and with `BAD_FRAME` what no dialect knows. */
export function readMessage(bytes: Uint8Array): Reading {
  try {
    const object = parseJsonObject(bytes);
    // What nobody knows, the native dialect refuses best.
    const dialect = recognise(object) ?? native;
    return { kind: "message", dialect, message: dialect.decode(object) };
  } catch (thrown) {
    return { kind: "unreadable", error: NegotiatorError.from(thrown) };
  }
}
