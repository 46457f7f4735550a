/** A hello that only synchronises: its refusal proves that every later answer belongs to us. */
import { DEFAULT_LIMITS } from "../../limits.ts";
import { encodeHello, PROTOCOL_VERSIONS } from "../../wire/session/handshake.ts";
import type { Agent } from "../../wire/session/handshake.ts";

/** The bytes of a hello, and its nonce. */
export type SyncProbe = { nonce: string; bytes: Uint8Array };

/**
 * A hello of a session that never begins. An old server refuses it by its nonce; an answer that arrives
 * before the refusal was meant for a host program that has left. A native agent shows itself by its answer.
 */
export function createSyncProbe(agent: Agent, makeId: () => string): SyncProbe {
  const nonce = makeId();
  const session = { id: makeId(), received: 0 };
  const offer = { capabilities: [], agent, limits: { lineBytes: DEFAULT_LIMITS.lineBytes }, isProbe: true };
  return { nonce, bytes: encodeHello({ nonce, versions: PROTOCOL_VERSIONS, session, ...offer }) };
}
