/** Frames to tear, and frames that the framer must find after a torn one. */
import { encodeLengthPrefixed } from "../../../src/wire/frames/length-prefixed.ts";
import { native } from "../../../src/wire/dialects/native.ts";
import { createFramer } from "../../../src/wire/frames/framing.ts";
import type { Framer } from "../../../src/wire/frames/framing.ts";
import { encodeHello, encodeWelcome } from "../../../src/wire/session/handshake.ts";

const LIMITS = { lineBytes: 4000, lengthPrefixedBytes: 8000 };
/** A piece size that no input reaches. */
export const WHOLE = 1e9;

const agent = { name: "a {7", version: '1"', role: "host\\" };
const limits = { lineBytes: 131_072 };

/** Returns a hello with strings that could mislead a framer. */
export const hello = (nonce: string): Uint8Array =>
  encodeHello({
    nonce,
    versions: { min: 1, max: 1 },
    capabilities: ["a 1", "}"],
    agent,
    session: { id: "s1", received: 12 },
    limits,
  });

/** Every kind of frame, with digits, quotes, escapes, line ends and brackets that could mislead a framer. */
export const TORN = {
  hello: hello("old1"),
  "native line": native.encode({
    kind: "request",
    seq: 12,
    id: 9,
    method: "m",
    params: { "a 5": 'b5"c\\ {[é', list: [1, 23, [4]], text: "5\n6\n{" },
  }),
  "native data": native.encode({
    kind: "data",
    call: 1,
    stream: "stdout",
    offset: 40,
    bytes: new TextEncoder().encode('210\n\n{"method": "x"}\n'),
  }),
  "legacy call": encodeLengthPrefixed({
    args: ["a 5", 'b\\"', "{[", "12\n\n{"],
    kw: { n: 12, list: [3, [4]] },
    method: "execute",
  }),
  "legacy result": encodeLengthPrefixed({ result: "127.0.0.1/8\n192.0.2.2/24\n", success: true }),
} as const;

/** The frames that must be found. */
export const FRESH = {
  hello: hello("new9"),
  "legacy call": encodeLengthPrefixed({ args: [], kw: {}, method: "list_commands" }),
  "hello answer": encodeWelcome("new9", {
    version: 1,
    capabilities: [],
    agent,
    session: { id: "s1", instance: "i1", received: 12 },
    limits,
  }),
} as const;

/** Returns the frames of bytes that come in pieces of one size: messages as text, faults as their codes. */
export function frame(framer: Framer, bytes: Uint8Array, pieceBytes: number): string[] {
  const found: string[] = [];
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    for (const piece of framer.push(bytes.subarray(start, start + pieceBytes))) {
      found.push(piece.kind === "message" ? new TextDecoder().decode(piece.bytes) : piece.error.code);
    }
  }
  return found;
}

/** Cuts `torn` at each byte, and returns the cuts after which the framer does not find `fresh`. */
export function findLost(torn: Uint8Array, keep: "start" | "end", fresh: Uint8Array): object[] {
  const lost: object[] = [];
  const after = new TextEncoder().encode('\n{"z":0}\n');
  for (let cut = 0; cut <= torn.length; cut++) {
    const kept = keep === "start" ? torn.subarray(0, cut) : torn.subarray(cut);
    for (const pieceBytes of [1, 7, WHOLE]) {
      const found = frame(createFramer(LIMITS), Buffer.concat([kept, fresh, after]), pieceBytes);
      const isFound = found.at(-2) === bodyOf(fresh) && found.at(-1) === '{"z":0}';
      if (!isFound) lost.push({ kept: new TextDecoder().decode(kept.slice(-30)), pieceBytes, found });
    }
  }
  return lost;
}

/** Returns the message in a frame, without its framing. */
export function bodyOf(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  return text.slice(text.indexOf("{")).trim();
}
