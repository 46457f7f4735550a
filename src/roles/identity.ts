/** The identity of this program in a session: its agent and its random ids. */
import { VERSION } from "../version.ts";
import type { Agent } from "../wire/session/handshake.ts";

/** This program's agent for a hello. */
export function describeAgent(role: "host" | "guest"): Agent {
  return { name: "negotiator", version: VERSION, role };
}

/** A new id: 128 random bits in 22 printable characters, of which the first is not a dash. */
export function makeId(): string {
  // Not with node:crypto, which loads node's streams too.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  // A guest that is taken back to a snapshot gets the same random numbers again, at another nanosecond.
  const time = Bun.hash.wyhash(`${Bun.nanoseconds()} ${Date.now()}`);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, view.getBigUint64(0) ^ time);
  const id = bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  // On a command line it would look like an option.
  return id.startsWith("-") ? makeId() : id;
}
