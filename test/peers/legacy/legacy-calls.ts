/** Creates python-negotiator peers over channels in memory, and runs commands on them. */
import { executeOn } from "../../../src/peers/remote-command.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import type { ForeignDialect, ForeignPeer, PeerLine } from "../../../src/peers/dialect.ts";
import { LEGACY } from "../../../src/peers/legacy/legacy.ts";
import type { Peer } from "../../../src/peers/peer.ts";
import type { ExecuteRequest } from "../../../src/peers/remote-command.ts";
import { describeAgent, makeId } from "../../../src/roles/identity.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { collect } from "../../support/collect.ts";
import type { OldCommand } from "../../support/old-peer.ts";

/** The commands of the agents in these tests. */
export const COMMANDS: Record<string, OldCommand> = {
  echo: (args) => ({ stdout: `${args.join(" ")}\n` }),
  cat: (_, input) => ({ stdout: input ?? "nothing" }),
  fail: ([exit = "1"]) => ({ stdout: "partial\n", exit: Number(exit) }),
  forbidden: () => ({ fault: "[Errno 13] Permission denied" }),
  long: ([size = "0"]) => ({ stdout: "x".repeat(Number(size)) }),
};

/** `dialect` is that of python-negotiator 0.5 and later by default. */
type PeerOverOptions = {
  isUpgraded?: () => boolean;
  life?: AbortSignal;
  dialect?: ForeignDialect;
  limits?: PeerLine["limits"];
};

/** A python-negotiator peer over the channels of `dial`. `upgradedPeer` gets the calls after an upgrade. */
export function createPeerOver(
  dial: (signal: AbortSignal) => Promise<Channel>,
  upgradedPeer = (): Promise<Peer> =>
    Promise.reject(new NegotiatorError("INTERNAL", "there is no other peer")),
  { dialect = LEGACY, ...options }: PeerOverOptions = {},
): ForeignPeer {
  return dialect.createPeer({
    agent: describeAgent("host"),
    makeId,
    limits: DEFAULT_LIMITS,
    dial,
    upgradedPeer,
    isUpgraded: () => false,
    life: new AbortController().signal,
    ...options,
  });
}

export type Ended = { stdout: string; exitCode: number | null; signal: string | null };

/** The end of a command, or the error of its call. `input` is all of its input. */
export async function runOn(
  peer: Peer,
  { input, ...request }: Partial<ExecuteRequest> & { command: string; input?: Uint8Array | string },
): Promise<Ended | NegotiatorError> {
  const hasInput = input !== undefined;
  const remote = executeOn(peer, { args: [], timeoutMs: 0, ...request, hasInput });
  try {
    if (input !== undefined) await remote.stdin?.write(Buffer.from(input)).catch(() => undefined);
    remote.stdin?.end();
    const [stdout, { exitCode, signal }] = await Promise.all([collect(remote.stdout), remote.ended]);
    return { stdout: stdout.toString(), exitCode, signal };
  } catch (thrown) {
    return NegotiatorError.from(thrown);
  }
}
