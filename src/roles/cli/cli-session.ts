/** One session of a command line, over a channel that the command line opened itself. */
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import type { Serve } from "../../methods/serve.ts";
import { createLink } from "../../peers/link.ts";
import type { LinkEnd } from "../../peers/link.ts";
import type { Role } from "../../peers/dialect.ts";
import type { Channel } from "../../wire/channel.ts";
import type { Session } from "../../wire/session/session.ts";
import { describeAgent, makeId } from "../identity.ts";

/**
 * A session that ends with the command line, or with its channel. Disposing says goodbye and closes the
 * channel.
 */
export type CliSession = AsyncDisposable & { session: Session };

const log = logFor("cli");

/** Opens a native session with this machine's daemon over `channel`. */
export function openCliSession(role: Role, channel: Channel): CliSession {
  const { call: onCall } = REFUSE;
  const link = createLink({ side: "dialler", agent: describeAgent(role), makeId, onCall });
  const over = endWithChannel(link.session, channel, () => link.run(channel));
  return {
    session: link.session,
    async [Symbol.asyncDispose]() {
      link.session.close("done");
      await over;
    },
  };
}

/** Ends `session` with its channel: a command line does not dial again. Never rejects. */
export async function endWithChannel(
  session: Session,
  { label }: Channel,
  run: () => Promise<LinkEnd>,
): Promise<void> {
  let why = "the channel ended";
  try {
    const { state, reason } = await run();
    why = reason?.message ?? why;
    log.debug(`${label}: ${state}, ${why}`);
  } catch (thrown) {
    why = NegotiatorError.from(thrown).message;
  }
  if (session.state !== "ended") session.close(why);
}

/** A command line calls, and serves no calls. */
export const REFUSE: Serve = {
  call: (call) => call.fail(new NegotiatorError("UNSUPPORTED", "A command line serves no calls")),
  notice: () => undefined,
};
