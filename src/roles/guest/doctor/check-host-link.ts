/** Looks whether the host answers this guest. */
import { startCall } from "../../../peers/call-time.ts";
import { dialControl } from "../../cli/control-client.ts";
import { defineCheck } from "../../doctor/check.ts";
import { askPeer, judgePeer } from "../../doctor/check-peer.ts";
import type { PeerFacts } from "../../doctor/check-peer.ts";
import { problem, warning } from "../../doctor/finding.ts";
import type { LinkStatus } from "../../daemon/link-status.ts";
import { connectHost } from "../connect.ts";
import { askStatus } from "../status.ts";

/** `link`: what the daemon says; undefined without a daemon. */
type HostLink = { link: LinkStatus | undefined; peer: PeerFacts | undefined };

/** A host that does not answer within so many milliseconds is not there now. */
const CONNECT_MS = 4000;

/** The link to the host, by the daemon. Says nothing without a daemon. */
export const CHECK_HOST_LINK = defineCheck<HostLink>({
  name: "host",
  async look({ invocation, signal }) {
    const { control } = invocation.config.settings.guest;
    const link = await (async () => {
      await using session = await dialControl("guest", control);
      return session && (await askStatus(session, CONNECT_MS));
    })().catch(() => undefined);
    if (link?.state !== "open") return { link, peer: undefined };
    const time = startCall({ timeoutMs: 0, connectTimeoutMs: CONNECT_MS });
    return { link, peer: await askPeer(() => connectHost(invocation, { time, signal })) };
  },
  judge({ link, peer }) {
    if (link === undefined) return [];
    if (peer !== undefined) return judgePeer(peer, { other: "the host", here: "this guest" });
    const [error = "", ...remedy] = link.lastError?.split("\n") ?? [];
    const more = remedy.length > 0 ? remedy.join("\n") : LOOK_ON_HOST;
    switch (link.state) {
      case "waiting":
        return [
          error === ""
            ? problem("no host daemon has connected to this guest yet", LOOK_ON_HOST)
            : problem(`the daemon waits: ${error}`, more),
        ];
      case "unresponsive":
        return [problem("the host's daemon answered before, and does not answer now", LOOK_ON_HOST)];
      default:
        return [
          warning(
            `the host has an old program (${link.state}), which can do less`,
            "Install negotiator on the host: negotiator host install",
          ),
        ];
    }
  },
});

const LOOK_ON_HOST = "Look on the host, with the guest's name: negotiator host doctor GUEST";
