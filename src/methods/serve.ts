/** Where the calls and notices of one caller go. */
import type { IncomingCall } from "../wire/calls/incoming-call.ts";

/** Serves one caller. Every call gets its answer. */
export type Serve = {
  call: (call: IncomingCall) => void;
  notice: (notice: { method: string; params: unknown }) => void;
};
