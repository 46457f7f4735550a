/** The vectors of hellos, chunks and breaches hold for this program. */
import { describe, expect, test } from "bun:test";
import { encodeNative } from "../../src/wire/dialects/native.ts";
import type { JsonObject } from "../../src/wire/json.ts";
import { isJsonObject } from "../../src/wire/json.ts";
import { encodeHello, encodeWelcome } from "../../src/wire/session/handshake.ts";
import type { Hello, Welcome } from "../../src/wire/session/handshake.ts";
import { createOpenDialler, createOpenListener, createScriptedPeer } from "../wire/session/scripted-peer.ts";
import { bytesOf, loadVectors, textOf } from "./vectors.ts";

type HelloVector = { name: string; bytes: string } & (
  | { kind: "hello"; nonce: string; params: Omit<Hello, "nonce"> }
  | { kind: "answer"; nonce: string; result: Welcome }
  | { kind: "refused"; code: string; details?: string[]; isProbe?: boolean }
  | { kind: "accepted" }
);
type ChunkVector = { name: string; payload: string; crc32: number; mayBeRawOnPort: boolean };
type BreachVector = {
  name: string;
  side: "callee" | "caller";
  messages: { method: string; params: JsonObject }[];
  isBreach?: boolean;
};

const encodeAnswer = ({ nonce, result }: { nonce: string; result: Welcome }): string =>
  textOf(encodeWelcome(nonce, result));

describe("hellos.json", () => {
  test.each(loadVectors<HelloVector>("hellos.json"))("%s", (_, vector) => {
    if (vector.kind === "hello") {
      // The order of the members inside of params is free.
      const made = textOf(encodeHello({ nonce: vector.nonce, ...vector.params }));
      expect(sorted(made)).toEqual(sorted(vector.bytes));
      expect(made.slice(0, made.indexOf('"params"'))).toBe(
        vector.bytes.slice(0, vector.bytes.indexOf('"params"')),
      );
      return;
    }
    if (vector.kind === "answer") {
      expect(encodeAnswer(vector)).toBe(vector.bytes);
      return;
    }
    const peer = createScriptedPeer();
    peer.greet();
    peer.send(bytesOf(vector.bytes));
    const [sent, ...more] = peer.drain();
    expect(more).toEqual([]);
    if (vector.kind === "accepted") {
      expect(sent).toMatchObject({ id: "good", result: { version: 2 } });
      expect(peer.session.state).toBe("open");
      return;
    }
    expect(sent).toMatchObject({ id: "bad", error: { data: { code: vector.code } } });
    const { data } = isJsonObject(sent?.["error"]) ? sent["error"] : {};
    const details = isJsonObject(data) && isJsonObject(data["details"]) ? Object.keys(data["details"]) : [];
    expect(details).toEqual(vector.details ?? []);
    expect(peer.session.state).toBe(vector.isProbe === true ? "open" : "idle");
  });
});

/** Returns the length and the object of a length-prefixed frame. */
function sorted(frame: string): unknown {
  const [length, ...body] = frame.split("\n");
  return [Number(length), JSON.parse(body.join("\n"))];
}

describe("chunks.json", () => {
  test.each(loadVectors<ChunkVector>("chunks.json"))("%s", (_, { payload, crc32, mayBeRawOnPort }) => {
    const form = { isRaw: true, isOnPort: true, hasChecksum: true };
    const data = {
      kind: "data",
      seq: 1,
      call: "c",
      stream: "s",
      offset: 0,
      bytes: bytesOf(payload),
    } as const;
    const raw = `"bytes":${payload.length},"crc32":${crc32}}}\n${payload}\n`;
    expect(textOf(encodeNative(data, form)).endsWith(raw)).toBe(mayBeRawOnPort);
    expect(textOf(encodeNative(data, { ...form, isOnPort: false })).endsWith(raw)).toBe(true);
  });
});

const BREACH = { id: null, error: { data: { code: "BAD_FRAME" } } };

describe("breaches.json", () => {
  test.each(loadVectors<BreachVector>("breaches.json"))("%s", (_, { side, messages, isBreach = true }) => {
    const options = { limits: { firstCreditBytes: 1000, streamCreditBytes: 1000 } };
    const peer = side === "callee" ? createOpenListener(options) : createOpenDialler(options);
    if (side === "callee") peer.count({ id: "c", method: "m", streams: { read: { w: 1000 }, write: ["r"] } });
    else peer.session.call({ id: "c", method: "m", read: ["r"], write: ["w"] }).answer.catch(() => {});
    peer.drain();
    for (const message of messages) peer.count(message);
    const end =
      side === "callee"
        ? { id: "c", error: { data: { code: "BAD_FRAME" } } }
        : { method: "call.message", params: { call: "c", name: "cancel", value: { code: "BAD_FRAME" } } };
    expect(peer.drain()).toMatchObject(isBreach ? [BREACH, end] : []);
    expect(peer.session.state).toBe("open");
  });
});
