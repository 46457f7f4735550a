/** Owns the types of attacks. */
import type { JsonObject } from "../src/wire/json.ts";

/** Formats messages of one session. */
export type Formatter = {
  /** A message without a number. */
  line: (members: JsonObject) => string;
  /** A message with the next number. */
  numbered: (members: JsonObject) => string;
};

/** An attack of guests: each of them opens a session, or not, and sends bytes without end. */
export type GuestAttack = {
  kind: "guest";
  /** In a few words, what it sends. */
  what: string;
  /** `calling`: the port on which the host dials. `back`: the port on which the guest dials. */
  port: "calling" | "back";
  /** Whether it answers the host's hello, on the calling port. */
  opens: boolean;
  /** Whether it reads what the host sends. */
  reads: boolean;
  /** Whether it hangs up after each piece. */
  hangsUp?: boolean;
  /** Returns the next bytes to send. */
  next: (format: Formatter) => Uint8Array | string;
  /** The host's policy, if it is not one that allows everything. */
  policy?: string;
};

/** An attack of a local user who may use the control socket. */
export type LocalAttack = {
  kind: "local";
  what: string;
  /** Starts the attack, and keeps it up. Rejections are part of it. */
  start: (control: string, silentGuest: string) => Promise<void>;
};

/** An attack. */
export type Attack = GuestAttack | LocalAttack;

/** Repeats a text until it has about so many bytes. */
export function repeatTo(bytes: number, text: string): string {
  return text.repeat(Math.ceil(bytes / text.length));
}

/** Bytes that an attacker writes at once. */
export const PIECE_BYTES = 256 * 1024;
