/** What a session of this program says about itself. */
import { randomBytes } from "node:crypto";
import { VERSION } from "../version.ts";
import type { Agent } from "../wire/session/handshake.ts";

export function describeAgent(role: "host" | "guest"): Agent {
  return { name: "negotiator", version: VERSION, role };
}

/** 128 random bits in 22 printable characters. */
export function makeId(): string {
  return randomBytes(16).toString("base64url");
}
