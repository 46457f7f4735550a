/** Creates peers that are python-negotiator 0.1 over ports in memory. */
import type { ForeignPeer } from "../../../src/peers/dialect.ts";
import { OLDEST } from "../../../src/peers/oldest/oldest.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { createOldestServer } from "../../support/oldest-peer.ts";
import type { OldestServer, OldestServerOptions } from "../../support/oldest-peer.ts";
import { createPortOf } from "../../support/old-port.ts";
import type { PortOf } from "../../support/old-port.ts";
import { COMMANDS, createPeerOver } from "../legacy/legacy-calls.ts";

/** The port of a guest with python-negotiator 0.1. */
export function createOldestPort(
  options: Partial<OldestServerOptions> = {},
  keepsOutput?: () => boolean,
): PortOf<OldestServer> {
  return createPortOf((write) => createOldestServer({ commands: COMMANDS, ...options, write }), keepsOutput);
}

/** A peer that makes calls as to python-negotiator 0.1. */
export function createOldestPeer(
  dial: (signal: AbortSignal) => Promise<Channel>,
  upgradedPeer?: Parameters<typeof createPeerOver>[1],
): ForeignPeer {
  return createPeerOver(dial, upgradedPeer, { dialect: OLDEST });
}
