/**
 * A guest's port that carries one foreign dialect and no other: its daemon answers the host's calls there.
 */
import { logFor } from "../../log.ts";
import type { Serve } from "../../methods/serve.ts";
import type { AnsweredDialect } from "../../peers/dialect.ts";
import { createForeignLink } from "../../peers/foreign-link.ts";
import { supervise, wentWell } from "../../peers/supervise.ts";
import type { AttemptResult } from "../../peers/supervise.ts";
import { countChannel } from "../../channels/byte-count.ts";
import type { ByteCount } from "../../channels/byte-count.ts";
import type { Channel } from "../../wire/channel.ts";
import type { Services } from "../daemon/services.ts";
import { makeId } from "../identity.ts";
import { openChannel } from "./port.ts";
import type { FoundPort } from "./port.ts";

/** The port of one foreign dialect. */
export type ForeignPort = {
  /** The number of the host's calls that run here. */
  readonly incoming: number;
  /** The number of them that have ended. */
  readonly answered: number;
  /** The open device; undefined while the port is not open. */
  readonly device: string | undefined;
  /** Whether the host has sent something, and has not left since. */
  readonly hasClient: boolean;
  /** Why the port is not open; undefined if it is, or if the guest has none. */
  readonly problem: string | undefined;
  /** Holds the port while the guest has it, until `signal` aborts. Never rejects. */
  hold(signal: AbortSignal): Promise<void>;
};

/** Options of a foreign port. `find` resolves with it; undefined while the guest has none. */
export type ForeignPortOptions = {
  dialect: AnsweredDialect;
  serve: Serve;
  services: Pick<Services, "limits" | "answerMemory">;
  find: () => Promise<FoundPort | undefined>;
  /** Counts the bytes of the port, if they are part of the link to the host. */
  bytes?: ByteCount;
};

const log = logFor("daemon");

/** Creates a port that is not held yet. */
export function createForeignPort(options: ForeignPortOptions): ForeignPort {
  const { dialect, serve, services, find, bytes = { in: 0, out: 0 } } = options;
  const { label } = dialect;
  const link = createForeignLink(dialect, {
    serve,
    makeId,
    limits: services.limits,
    answerMemory: services.answerMemory,
  });
  let lastProblem = "";
  let problem: string | undefined;
  let device: string | undefined;
  let hasClient = false;

  const followed = (channel: Channel): Channel => ({
    ...channel,
    async *[Symbol.asyncIterator]() {
      for await (const piece of channel) {
        hasClient = piece.length > 0;
        yield piece;
      }
    },
  });
  const run = async (channel: Channel, signal: AbortSignal): Promise<void> => {
    device = channel.label;
    try {
      await link.run(followed(countChannel(channel, bytes)), signal);
    } finally {
      device = undefined;
      hasClient = false;
    }
  };
  const attempt = async (signal: AbortSignal): Promise<AttemptResult> => {
    const found = await find();
    problem = undefined;
    // Most guests never have such a port.
    if (found === undefined) return "rarely";
    const channel = await openChannel(found, signal);
    log.info(`Serving the host at ${channel.label} (${label})`);
    const startMs = performance.now();
    await run(channel, signal);
    if (!wentWell(startMs)) return "rarely";
    lastProblem = "";
    return "good";
  };

  return {
    get incoming() {
      return link.calls.incoming;
    },
    get answered() {
      return link.answered;
    },
    get device() {
      return device;
    },
    get hasClient() {
      return hasClient;
    },
    get problem() {
      return problem;
    },
    hold: (signal) =>
      supervise({
        signal,
        attempt,
        onFailure({ message }) {
          // Another program may hold the port for months, so the same problem is logged once.
          if (message !== lastProblem) log.warn(`${label}: ${message}`);
          lastProblem = message;
          problem = message;
        },
      }),
  };
}
