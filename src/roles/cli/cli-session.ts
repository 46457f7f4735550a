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

/** Connects to the daemon again. */
export type Redial = () => Promise<Channel>;

const log = logFor("cli");
/**
 * On a busy machine a connection may be too old for the daemon before this process has said hello over it.
 * Nothing was sent over such a connection.
 */
const FURTHER_DIALS = 3;

/**
 * Opens a native session over `channel`, which leads to this machine's daemon. If no session opens, tries
 * further channels of `redial`; calls that were not sent are refused in the end.
 */
export function openCliSession(role: Role, channel: Channel, redial?: Redial): CliSession {
  const { call: onCall } = REFUSE;
  let wasOpen = false;
  const link = createLink({
    side: "dialler",
    medium: "socket",
    agent: describeAgent(role),
    makeId,
    onCall,
    onState: (state) => void (wasOpen ||= state === "open"),
  });
  const { session } = link;
  const run = async (): Promise<LinkEnd> => {
    let end = await link.run(channel);
    if (redial === undefined) return end;
    for (let count = 0; count < FURTHER_DIALS; count++) {
      if (wasOpen || session.state === "ended") break;
      log.debug(`${channel.label}: no session opened, so another connection is tried`);
      end = await link.run(await redial());
    }
    return end;
  };
  const ended = `the ${role}'s daemon, which passed the call on, has ended`;
  const unsent = (): NegotiatorError | undefined => (wasOpen ? undefined : unresponsiveDaemon(role));
  const over = endWithChannel(session, channel, run, { ended, unsent });
  return {
    role,
    session,
    async [Symbol.asyncDispose]() {
      session.close("done");
      await over;
    },
  };
}

/** Returns the error for a daemon that listens but does not answer. */
export function unresponsiveDaemon(role: Role): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", "The daemon has its control socket open, but does not answer", {
    remedy: `Read its log: journalctl -u negotiator-${role}
Restart it: systemctl restart negotiator-${role}`,
  });
}

/** `ended` is the reason of the end if there is no other, `unsent` the error for calls that were not sent. */
type ChannelEnd = { ended?: string; unsent?: () => NegotiatorError | undefined };

/** Closes `session` when its `run` has ended, because a command line does not dial again. Never rejects. */
export async function endWithChannel(
  session: Session,
  { label }: Channel,
  run: () => Promise<LinkEnd>,
  { ended = "the channel ended", unsent }: ChannelEnd = {},
): Promise<void> {
  let why = ended;
  try {
    const { state, reason } = await run();
    why = reason?.message ?? why;
    log.debug(`${label}: ${state}, ${why}`);
  } catch (thrown) {
    why = NegotiatorError.from(thrown).message;
  }
  if (session.state !== "ended") session.close(why, unsent?.());
}

/** Refuses every call with `UNSUPPORTED`, and drops notices. */
export const REFUSE: Serve = {
  call: (call) => call.fail(new NegotiatorError("UNSUPPORTED", "A command line answers no calls")),
  notice: () => undefined,
};
