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
import type { Services } from "../daemon/services.ts";
import { makeId } from "../identity.ts";
import { openChannel } from "./port.ts";
import type { FoundPort } from "./port.ts";

/** The port of one foreign dialect. */
export type ForeignPort = {
  /** The number of the host's calls that run here. */
  readonly incoming: number;
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

  const attempt = async (signal: AbortSignal): Promise<AttemptResult> => {
    const found = await find();
    // Most guests never have such a port.
    if (found === undefined) return "rarely";
    const channel = await openChannel(found, signal);
    log.info(`Serving the host at ${channel.label} (${label})`);
    const startMs = performance.now();
    await link.run(countChannel(channel, bytes), signal);
    if (!wentWell(startMs)) return "rarely";
    lastProblem = "";
    return "good";
  };

  return {
    get incoming() {
      return link.calls.incoming;
    },
    hold: (signal) =>
      supervise({
        signal,
        attempt,
        onFailure({ message }) {
          // Another program may hold the port for months, so the same problem is logged once.
          if (message !== lastProblem) log.warn(`${label}: ${message}`);
          lastProblem = message;
        },
      }),
  };
}
