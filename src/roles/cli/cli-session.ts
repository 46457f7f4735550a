/** The session of a command line over its own channel. */
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import type { Serve } from "../../methods/serve.ts";
import { createLink } from "../../peers/link.ts";
import type { LinkEnd } from "../../peers/link.ts";
import type { Role } from "../../peers/dialect.ts";
import type { Channel } from "../../wire/channel.ts";
import type { Session } from "../../wire/session/session.ts";
import { describeAgent, makeId } from "../identity.ts";

/** A session that ends with its channel. Disposing sends a goodbye and closes the channel. */
export type CliSession = AsyncDisposable & { role: Role; session: Session };

const log = logFor("cli");

/** Opens a native session over `channel`, which leads to this machine's daemon. */
export function openCliSession(role: Role, channel: Channel): CliSession {
  const { call: onCall } = REFUSE;
  const link = createLink({
    side: "dialler",
    medium: "socket",
    agent: describeAgent(role),
    makeId,
    onCall,
  });
  const ended = `the ${role}'s daemon, which passed the call on, has ended`;
  const over = endWithChannel(link.session, channel, () => link.run(channel), ended);
  return {
    role,
    session: link.session,
    async [Symbol.asyncDispose]() {
      link.session.close("done");
      await over;
    },
  };
}

/**
 * Closes `session` when its `run` has ended, because a command line does not dial again. `ended` is the
 * reason if there is no other. Never rejects.
 */
export async function endWithChannel(
  session: Session,
  { label }: Channel,
  run: () => Promise<LinkEnd>,
  ended = "the channel ended",
): Promise<void> {
  let why = ended;
  try {
    const { state, reason } = await run();
    why = reason?.message ?? why;
    log.debug(`${label}: ${state}, ${why}`);
  } catch (thrown) {
    why = NegotiatorError.from(thrown).message;
  }
  if (session.state !== "ended") session.close(why);
}

/** Refuses every call with `UNSUPPORTED`, and drops notices. */
export const REFUSE: Serve = {
  call: (call) => call.fail(new NegotiatorError("UNSUPPORTED", "A command line answers no calls")),
  notice: () => undefined,
};
