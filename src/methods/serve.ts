/** The way of a peer's calls and notices from a link to the dispatcher. */
import type { IncomingCall } from "../wire/calls/incoming-call.ts";

/** A message without an answer, as the peer sent it; `params` are unchecked. */
export type IncomingNotice = { method: string; params: unknown };

/**
 * Serves the calls and notices of one caller, in every dialect. Every call is answered. Neither function
 * throws.
 */
export type Serve = { call: (call: IncomingCall) => void; notice: (notice: IncomingNotice) => void };
