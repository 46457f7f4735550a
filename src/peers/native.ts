/** The native dialect: its row of the table, and its peer over a session. */
import { onAbort } from "../abort.ts";
import { LATE_MS } from "../delay.ts";
import { NegotiatorError } from "../errors.ts";
import { cancelReason } from "../wire/calls/cancelled.ts";
import type { CallId } from "../wire/message.ts";
import type { OutgoingCall } from "../wire/calls/outgoing-call.ts";
import type { Session } from "../wire/session/session.ts";
import { answerInTime } from "./deadline.ts";
import type { Pulse } from "./deadline.ts";
import type { Dialect } from "./dialect.ts";
import type { Peer, Resumed } from "./peer.ts";

/** The ports of negotiator. A guest has the first two, or the third, or all of them. */
export const NATIVE_PORTS = {
  /** The host calls over it; a guest's daemon calls over it too, while the session is open. */
  hostToGuest: "negotiator-host-to-guest.0",
  /** The guest calls over it. */
  guestToHost: "negotiator-guest-to-host.0",
  /** Both call over it. The only port of the first releases of python-negotiator. */
  bothWays: "negotiator-channel.0",
} as const;

/** The row of the native dialect. The best port for each purpose stands first. */
export const NATIVE: Dialect = {
  name: "native",
  label: "negotiator",
  ports: [
    { name: NATIVE_PORTS.hostToGuest, dialler: "host", callers: "host" },
    { name: NATIVE_PORTS.guestToHost, dialler: "guest", callers: "guest" },
    { name: NATIVE_PORTS.bothWays, dialler: "host", callers: "both" },
  ],
  can: { methods: undefined, notices: true, messages: true },
};

/** Options of a native peer. */
export type NativePeerOptions = {
  /** Added to the parameters of every call. A host's daemon needs the name of the guest. */
  extra?: Readonly<Record<string, string | number | boolean>>;
  /** As for `Session.call`. */
  keepsLines?: boolean;
  /** As for `answerInTime`. */
  lateMs?: number;
  /** The error for a peer that does not answer. */
  explainNoAnswer: () => NegotiatorError;
};

/** A peer over a session. The session may be cut and go on. */
export function createNativePeer(
  session: Pick<Session, "call" | "notify" | "claim"> & Pulse,
  { extra = {}, keepsLines = false, lateMs = LATE_MS.relay, explainNoAnswer }: NativePeerOptions,
): Peer {
  return {
    can: NATIVE.can,
    call(method, params, options) {
      const { id, read = [], write = [], timeoutMs, connectTimeoutMs, caller, keepMs, signal } = options;
      const limits = { timeoutMs, connectTimeoutMs, lateMs };
      const resumed = options.resumed && claimResumed(session, options.resumed, id);
      const call =
        resumed ??
        session.call({
          method,
          ...(id === undefined ? {} : { id }),
          params: isEmpty(extra) ? params : Object.assign({}, extra, params),
          read,
          write,
          keepsLines,
          ...(caller === undefined ? {} : { caller }),
          ...(options.isDetached === true ? { isDetached: true } : {}),
          ...(keepMs === undefined ? {} : { keepMs }),
          ...(timeoutMs > 0 ? { timeoutMs } : {}),
        });
      const result = answerInTime(call, limits, session, explainNoAnswer).then((answer) => answer.result);
      // A caller may read only the streams. An unhandled rejection would end the program.
      result.catch(() => undefined);
      if (signal !== undefined) cancelOnAbort(signal, result, (reason) => call.cancel(reason));
      return {
        get isSent() {
          return call.isSent;
        },
        result,
        reader: (stream) => call.reader(stream),
        writer: (stream) => call.writer(stream),
        send: (name, value) => call.send(name, value),
        listen: (listener) => call.listen(listener),
        freezeOver: () => call.freezeOver(),
        cancel: (reason) => call.cancel(reason),
      };
    },
    notify: (name, params) => session.notify(name, params),
  };
}

/** Without the state of the program before, the call has no known end. */
function claimResumed(session: Pick<Session, "claim">, { over }: Resumed, id: CallId = ""): OutgoingCall {
  const call = session.claim(id, over);
  if (call !== undefined) return call;
  throw new NegotiatorError("UNKNOWN_OUTCOME", "The call was lost while the daemon replaced itself");
}

/** Calls `cancel` with the reason of the signal if `signal` aborts before `result` settles. */
export function cancelOnAbort(
  signal: AbortSignal,
  result: Promise<unknown>,
  cancel: (reason: string) => void,
): void {
  const listening = onAbort(signal, () => cancel(cancelReason(NegotiatorError.from(signal.reason))));
  const stop = (): void => listening[Symbol.dispose]();
  result.then(stop, stop);
}

function isEmpty(object: object): boolean {
  return Object.keys(object).length === 0;
}
