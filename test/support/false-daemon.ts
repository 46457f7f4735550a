/** A daemon's control socket in this process, whose answers the test gives. */
import { listenSocket } from "../../src/channels/socket/socket-listener.ts";
import type { Listener } from "../../src/channels/socket/socket-listener.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { createLink } from "../../src/peers/link.ts";
import { describeAgent, makeId } from "../../src/roles/identity.ts";
import { VERSION } from "../../src/version.ts";
import type { IncomingCall } from "../../src/wire/calls/incoming-call.ts";

/** Returns the result of a call, or `noAnswer`. An error that it throws is that of the call. */
export type FalseAnswer = (method: string, params: unknown, call: IncomingCall) => unknown;

/** The answer of a call that the test itself answers. */
export const noAnswer = Symbol("no answer");

const onNotice = (): void => undefined;

/** The release that it says, and whether its socket is a port of a guest. */
type FalseAgent = { version?: string; medium?: "socket" | "port" };

/**
 * Listens at `path` until disposal, without a look at the users of the connections. The socket does not get
 * the group of a real control socket, because that is asked for in another process.
 */
export function listenAsDaemon(
  role: "host" | "guest",
  path: string,
  answer: FalseAnswer,
  { version = VERSION, medium = "socket" }: FalseAgent = {},
): Promise<Listener> {
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
      const agent = { ...describeAgent(role), version };
      const link = createLink({ side: "listener", medium, agent, makeId, onCall, onNotice });
      void link
        .run(channel)
        .catch(() => undefined)
        .finally(() => link.session.close("done"));
    },
  });
}
