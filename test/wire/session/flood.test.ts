/** A peer that floods a session costs bounded memory and time: complaints up to a number, then the cut. */
import { describe, expect, test } from "bun:test";
import { readWelcome } from "../../../src/wire/session/handshake.ts";
import { growthOf } from "../../support/held-bytes.ts";
import { processorMsOf } from "../../support/processor-time.ts";
import { createOpenDialler, createOpenListener, createScriptedPeer } from "./scripted-peer.ts";
import type { ScriptedPeer } from "./scripted-peer.ts";

const ALLOWED_BYTES = 256 * 1024;
const FAULTS = 32;
const MOST_GROWN_BYTES = 2 * 1024 * 1024;
const AGENT = { name: "test", version: "1", role: "host" };

/** Makes the next message of a flood: its line without the LF. */
type Flood = (seq: number) => string;
const line = (members: string): string => `{"jsonrpc":"2.0",${members}}`;
const FLOODS: Readonly<Record<string, Flood>> = {
  pings: () => line('"method":"session.ping","params":{}'),
  pongs: () => line('"method":"session.pong","params":{}'),
  "useless acknowledgements": () => line('"method":"session.ack","params":{"received":0}'),
  "unknown messages": (seq) =>
    line(`"seq":${seq},"method":"session.later","params":{"text":"${"x".repeat(500)}"}`),
  "unknown messages without a number": () => line('"method":"stream.later"'),
  "messages inside a call": (seq) =>
    line(
      `"seq":${seq},"method":"call.message","params":{"call":"c","name":"signal","value":{"a":"SIGUSR1"}}`,
    ),
  "messages inside no call": (seq) =>
    line(`"seq":${seq},"method":"call.message","params":{"call":"x","name":"y"}`),
  complaints: () => line('"id":null,"error":{"code":1,"message":""}'),
  "refusals of no call": () => line('"id":"none","error":{"code":1,"message":""}'),
  "resyncs to a listener": () => line('"method":"session.resync","params":{"received":0}'),
};

const openServing = (reasons: string[] = []): ScriptedPeer => {
  const peer = createOpenListener({ onInvalid: ({ message }) => reasons.push(message) });
  peer.count({ id: "c", method: "m" });
  peer.drain();
  return peer;
};

describe.each(Object.entries(FLOODS))("a flood of %s", (_, flood) => {
  /** Sends messages up to the end of the allowance, and returns how many there were. */
  const useUp = (peer: ScriptedPeer): number => {
    let count = 0;
    for (let cost = 0; cost < ALLOWED_BYTES; count++) {
      const text = flood(++peer.seq);
      cost += text.length + 256;
      peer.send(`${text}\n`);
    }
    return count;
  };

  test("256 KiB in a second are taken, and again in the next one", () => {
    const peer = openServing();
    for (let second = 0; second < 3; second++) {
      useUp(peer);
      peer.tick(1000);
    }
    const complaints = peer.drain().filter(({ id, error }) => id === null && error !== undefined);
    expect([complaints, peer.session.state]).toEqual([[], "open"]);
  });

  test("each further message gets a complaint, and after 32 of them the peer is cut off", () => {
    const reasons: string[] = [];
    const peer = openServing(reasons);
    useUp(peer);
    peer.drain();
    for (let count = 0; count < FAULTS; count++) peer.send(`${flood(++peer.seq)}\n`);
    const complaints = peer.drain().filter(({ id }) => id === null);
    expect(complaints).toHaveLength(FAULTS);
    expect(complaints[0]).toMatchObject({ error: { data: { code: "BUSY" } } });
    expect([peer.session.state, reasons]).toEqual(["open", []]);
    peer.send(`${flood(++peer.seq)}\n`);
    expect([peer.session.state, reasons]).toEqual(["cut", ["The peer sent too many invalid messages"]]);
    expect([peer.drain(), peer.calls[0]?.signal.aborted]).toEqual([[], false]);
  });

  test("8 MiB of it cost no memory, and little time once the peer is cut off", () => {
    let first = 0;
    let rest = 0;
    const send8MiB = (peer: ScriptedPeer): void => {
      const piece = Buffer.from(Array.from({ length: 2000 }, () => `${flood(++peer.seq)}\n`).join(""));
      first = processorMsOf(() => peer.send(piece));
      rest = processorMsOf(() => {
        for (let sent = 0; sent < 8 * 1024 * 1024; sent += piece.length) peer.send(piece);
      });
      expect(peer.session.state).toBe("cut");
    };
    expect(growthOf(() => openServing(), send8MiB, MOST_GROWN_BYTES)).toBeLessThan(MOST_GROWN_BYTES);
    // The rest is many times as long, and no byte of it is read.
    expect(rest).toBeLessThan(Math.max(5 * first, 50));
  });
});

test("a session that a flood has cut is resumed by the next hello, without a gap", () => {
  const peer = createScriptedPeer();
  const [answer] = peer.greet({ session: { id: "mine" } });
  const { instance } = readWelcome(answer?.["result"], "mine", AGENT).session;
  for (let count = 0; count < 2000; count++)
    peer.count({ method: "call.message", params: { call: "c", name: "signal" } });
  expect(peer.session.state).toBe("cut");
  peer.session.detach();
  const [again] = peer.greet({ session: { id: "mine", instance, received: 0 } });
  const { session } = readWelcome(again?.["result"], "mine", AGENT);
  expect([session.instance, session.received > 600, session.received < 1000]).toEqual([instance, true, true]);
  peer.seq = session.received;
  peer.count({ id: "next", method: "m" });
  expect(peer.calls.map(({ id }) => id)).toEqual(["next"]);
});

test("a dialler complains about a flood too, and is cut off from it", () => {
  const peer = createOpenDialler();
  for (let count = 0; count < 2000 && peer.session.state === "open"; count++)
    peer.say({ method: "session.ping" });
  expect(peer.session.state).toBe("cut");
});

test("the faults of different kinds count together, and a hello begins a new count", () => {
  const peer = openServing();
  const bad = (): void => peer.count({ id: "x", method: "session.none" });
  for (let count = 0; count < FAULTS; count++) bad();
  peer.greet();
  for (let count = 0; count < FAULTS; count++) bad();
  expect(peer.session.state).toBe("open");
  bad();
  expect(peer.session.state).toBe("cut");
});
