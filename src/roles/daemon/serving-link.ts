/** A daemon's link: serves whoever is at the other end, in the native dialect or in python-negotiator's. */
import { legacyEnvelope, refusesHello } from "../../peers/legacy/envelope.ts";
import { createLegacyServer } from "../../peers/legacy/legacy-server.ts";
import { createLink } from "../../peers/link.ts";
import type { Link, LinkOptions } from "../../peers/link.ts";
import type { Caller } from "../../methods/caller.ts";
import { describeAgent, makeId } from "../identity.ts";
import type { Services } from "./services.ts";

/** `served`: the peer's calls that run here, where it has more links than this one. */
type ServingOptions = Pick<LinkOptions, "side" | "onState" | "served"> & {
  role: "host" | "guest";
  caller: Caller;
  services: Services;
};

/** An agent that was started anew is met after about so long; who is there and idle answers within milliseconds. */
const FIRST_HELLO_MS = 1000;

export function createServingLink({ role, caller, services, ...rest }: ServingOptions): Link {
  const { limits } = services;
  const serve = services.serve(caller);
  const link: Link = createLink({
    ...rest,
    firstHelloMs: FIRST_HELLO_MS,
    onState(state, reason) {
      // Nobody will come back; or who said hello has taken the place of an old peer.
      if (state === "ended" || state === "open") legacy.hangUp();
      rest.onState?.(state, reason);
    },
    agent: describeAgent(role),
    makeId,
    limits,
    onCall: serve.call,
    onNotice: (method, params) => serve.notice({ method, params }),
    onForeign({ object, hello }) {
      if (!legacyEnvelope.recognises(object)) return false;
      if (rest.side === "dialler") {
        if (hello !== undefined && refusesHello(object, hello)) link.session.yieldTo("python-negotiator");
        return true;
      }
      if (!legacy.take(object)) return false;
      link.session.yieldTo("python-negotiator");
      return true;
    },
    onWritten: () => legacy.resume(),
  });
  const legacy = createLegacyServer({
    serve: serve.call,
    send: (bytes) => link.session.sendForeign(bytes),
    unsent: () => link.session.unsentLines,
    makeId,
    lengthPrefixedBytes: limits.lengthPrefixedBytes,
  });
  return {
    session: link.session,
    run: (channel, signal) => link.run(channel, signal).finally(() => legacy.hangUp()),
  };
}
