/** An old peer in memory, and the code or output of a call to it. */
import { NegotiatorError } from "../../../src/errors.ts";
import { makeSyncProbe } from "../../../src/peers/legacy/exchange.ts";
import { createLegacyPeer } from "../../../src/peers/legacy/legacy-peer.ts";
import type { LegacyPeer } from "../../../src/peers/legacy/legacy-peer.ts";
import type { ExecuteRequest, Peer } from "../../../src/peers/peer.ts";
import { describeAgent, makeId } from "../../../src/roles/identity.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { collect } from "../../support/collect.ts";
import type { OldCommand } from "../../support/old-peer.ts";

/** What the agents of these tests offer. */
export const COMMANDS: Record<string, OldCommand> = {
  echo: (args) => ({ stdout: `${args.join(" ")}\n` }),
  cat: (_, input) => ({ stdout: input ?? "nothing" }),
  fail: ([exit = "1"]) => ({ stdout: "partial\n", exit: Number(exit) }),
  forbidden: () => ({ fault: "[Errno 13] Permission denied" }),
  long: ([size = "0"]) => ({ stdout: "x".repeat(Number(size)) }),
};

export function createPeerOver(
  dial: (signal: AbortSignal) => Promise<Channel>,
  successor = (): Promise<Peer> => Promise.reject(new NegotiatorError("INTERNAL", "there is no successor")),
  options: { isReplaced?: () => boolean; life?: AbortSignal } = {},
): LegacyPeer {
  return createLegacyPeer({
    dial,
    makeSyncProbe: () => makeSyncProbe(describeAgent("host"), makeId),
    successor,
    isReplaced: () => false,
    life: new AbortController().signal,
    ...options,
  });
}

export type Ended = { stdout: string; exitCode: number | null; signal: string | null };

/** How the command ended, or the error that it failed with. `input` is all of its input. */
export async function runOn(
  peer: LegacyPeer,
  { input, ...request }: Partial<ExecuteRequest> & { command: string; input?: Uint8Array | string },
): Promise<Ended | NegotiatorError> {
  const hasInput = input !== undefined;
  const remote = peer.execute({ args: [], timeoutMs: 0, ...request, hasInput });
  try {
    if (input !== undefined) await remote.stdin?.write(Buffer.from(input)).catch(() => undefined);
    remote.stdin?.end();
    const { exitCode, signal } = await remote.ended;
    return { stdout: (await collect(remote.stdout)).toString(), exitCode, signal };
  } catch (thrown) {
    return NegotiatorError.from(thrown);
  }
}
