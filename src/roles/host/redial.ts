/** Dials one channel of a guest again after each end. */
import { countChannel } from "../../channels/byte-count.ts";
import type { ByteCount } from "../../channels/byte-count.ts";
import { dialSocket } from "../../channels/socket/socket.ts";
import type { Endpoint } from "../../discovery/endpoint.ts";
import { listenerOf } from "../../discovery/listener.ts";
import type { FindUser } from "../../discovery/listener.ts";
import { NegotiatorError } from "../../errors.ts";
import type { LinkEnd } from "../../peers/link.ts";
import { supervise, wentWell } from "../../peers/supervise.ts";
import type { AttemptResult } from "../../peers/supervise.ts";
import type { Channel } from "../../wire/channel.ts";
import type { HeldLink } from "./held-channels.ts";
import type { Reach } from "./reach.ts";

/** The channel to dial, and the link that runs over it. */
export type Redialling = {
  endpoint: () => Endpoint;
  users: FindUser;
  /** Counts the bytes of the channels. */
  bytes: ByteCount;
  link: HeldLink;
  signal: AbortSignal;
  onError: (error: NegotiatorError) => void;
  /** Takes the error of each failed dial. */
  onUnreachable: (error: NegotiatorError) => void;
  /** Called after each successful dial. */
  onReached: () => void;
  /** Learns of each dial, and of the pauses between them. */
  reach?: Pick<Reach, "failed" | "silent" | "clear" | "paused">;
  /** The channels of the program that this one has replaced, by port. Each is taken out once. */
  adopted?: Map<string, Channel> | undefined;
  /** When the link's session was last open, by `performance.now`. */
  openedMs?: () => number;
  /** Repeats the attempts; tests replace it. */
  repeat?: typeof supervise;
};

/** A guest that cuts more sessions in a row, each within this time, is dialled less and less often. */
const SHORT_SESSIONS = 8;
const SHORT_MS = 1000;

/** Dials until `signal` aborts. Never rejects. */
export function redial(options: Redialling): Promise<void> {
  const {
    endpoint,
    users,
    bytes,
    link,
    signal,
    onError,
    onUnreachable,
    onReached,
    reach,
    openedMs = () => 0,
    repeat = supervise,
  } = options;
  let shortSessions = 0;

  const rate = ({ state }: Partial<LinkEnd>, startMs: number): AttemptResult => {
    const isRefused = state === "cut";
    shortSessions = isRefused && performance.now() - startMs < SHORT_MS ? shortSessions + 1 : 0;
    if (openedMs() >= startMs && shortSessions <= SHORT_SESSIONS) return "good";
    if (isRefused) return "rarely";
    // For a silent agent the hello has waited already.
    return wentWell(startMs) ? "good" : "soon";
  };

  return repeat({
    signal,
    onPause: (end) => reach?.paused(end),
    onFailure(error) {
      reach?.failed(error);
      onUnreachable(error);
    },
    async attempt() {
      const startMs = performance.now();
      const present = endpoint();
      const listener = listenerOf(present, users);
      const adopted = options.adopted?.get(present.port);
      options.adopted?.delete(present.port);
      const channel = adopted ?? (await dialSocket(present.path, { signal, listener }));
      reach?.clear();
      onReached();
      const end = await runToEnd(link, countChannel(channel, bytes), signal);
      const { state, reason } = end;
      if (state !== "foreign" && reason !== undefined && !signal.aborted) onError(reason);
      if (state === "dialling" && !signal.aborted) reach?.silent();
      return rate(end, startMs);
    },
  });
}

/** A channel that breaks ends the session's epoch as one that ends does. */
async function runToEnd(link: HeldLink, channel: Channel, signal: AbortSignal): Promise<Partial<LinkEnd>> {
  try {
    return (await link.run(channel, signal)) ?? {};
  } catch (thrown) {
    return { reason: NegotiatorError.from(thrown) };
  }
}
