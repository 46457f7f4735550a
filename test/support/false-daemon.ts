/** A daemon's control socket in this process, whose answers the test gives. */
import { listenSocket } from "../../src/channels/socket/socket-listener.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { createLink } from "../../src/peers/link.ts";
import { VERSION } from "../../src/version.ts";
import type { IncomingCall } from "../../src/wire/calls/incoming-call.ts";

/** Returns the result of a call, or `noAnswer`. An error that it throws is that of the call. */
export type FalseAnswer = (method: string, params: unknown, call: IncomingCall) => unknown;

/** The answer of a call that the test itself answers. */
export const noAnswer = Symbol("no answer");

const makeId = (): string => crypto.randomUUID();

/** Listens at `path` until disposal, without a look at the users of the connections. */
export function listenAsDaemon(
  role: "host" | "guest",
  path: string,
  answer: FalseAnswer,
): Promise<AsyncDisposable> {
  const onCall = (call: IncomingCall): void => {
    try {
      const result = answer(call.method, call.params, call);
      if (result !== noAnswer) call.respond(result);
    } catch (thrown) {
      call.fail(NegotiatorError.from(thrown));
    }
  };
  return listenSocket(path, {
    mode: 0o600,
    closesLeft: true,
    onChannel(channel) {
      const agent = { name: "negotiator", version: VERSION, role };
      const link = createLink({ side: "listener", agent, makeId, onCall, onNotice: () => undefined });
      link.run(channel).catch(() => undefined);
    },
  });
}
