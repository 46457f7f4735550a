/** The way of a peer's calls and notices from a link to the dispatcher. */
import type { NegotiatorError } from "../errors.ts";
import type { CallerInfo } from "../wire/message.ts";
import type { IncomingCall } from "../wire/calls/incoming-call.ts";

/** A message without an answer, as the peer sent it; `params` are unchecked. */
export type IncomingNotice = { method: string; params: unknown };

/** A call that a limit of the link or of its dialect refused. The caller has its answer already. */
export type RefusedCall = {
  id?: string | undefined;
  method: string;
  params?: unknown;
  caller?: CallerInfo | undefined;
  error: NegotiatorError;
};

/**
 * Serves the calls and notices of one caller, in every dialect. Every call is answered. `refused` is for the
 * audit. No function throws.
 */
export type Serve = {
  call: (call: IncomingCall) => void;
  notice: (notice: IncomingNotice) => void;
  refused?: (call: RefusedCall) => void;
};
