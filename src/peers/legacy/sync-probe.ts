/** A hello that only synchronises: after its refusal, the next answer belongs to our request. */
import { DEFAULT_LIMITS } from "../../limits.ts";
import type { JsonObject } from "../../wire/json.ts";
import { encodeHello, PROTOCOL_VERSIONS } from "../../wire/session/handshake.ts";
import type { Agent } from "../../wire/session/handshake.ts";

/** The nonce and the bytes of a probe. */
export type SyncProbe = { nonce: string; bytes: Uint8Array };

/**
 * Creates a hello for a session that never begins. An old server refuses it and repeats the nonce. An earlier
 * answer was meant for a host program that has left. A native agent answers in its own dialect.
 */
export function createSyncProbe(agent: Agent, makeId: () => string): SyncProbe {
  const nonce = makeId();
  const session = { id: makeId(), received: 0 };
  const offer = { capabilities: [], agent, limits: { lineBytes: DEFAULT_LIMITS.lineBytes }, isProbe: true };
  return { nonce, bytes: encodeHello({ nonce, versions: PROTOCOL_VERSIONS, session, ...offer }) };
}

/** True if the object repeats the nonce. Only an answer to this probe can do that, whatever its dialect. */
export function isAboutProbe(object: JsonObject, nonce: string): boolean {
  return Object.values(object).some((value) => typeof value === "string" && value.includes(nonce));
}
