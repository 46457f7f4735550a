/** A session that has lost the order carries nothing out, and goes on after the next hello without a loss. */
import { describe, expect, test } from "bun:test";
import { readWelcome } from "../../../src/wire/session/handshake.ts";
import { createOpenDialler, createOpenListener, createScriptedPeer } from "./scripted-peer.ts";
import type { ScriptedPeer } from "./scripted-peer.ts";
import { hello, TORN } from "../frames/torn-frames.ts";

const AGENT = { name: "test", version: "1", role: "host" };
const CAPABLE = { capabilities: ["raw"] };
const OLD = '37\n{"method": "list_commands", "kw": {}}';
const textOf = (id: unknown): string => (typeof id === "string" ? id : "none");
const wordsOf = (peer: ScriptedPeer): string[] =>
  peer.drain().map(({ method, id }) => (typeof method === "string" ? method : `answer ${textOf(id)}`));
const chunk = (content: string): string =>
  '{"jsonrpc":"2.0","seq":2,"method":"stream.data","params":{"call":"a","stream":"in","offset":0,' +
  `"bytes":${content.length},"crc32":${Bun.hash.crc32(content)}}}\n${content}\n`;

/** Opens a session of the name `mine`, with the running call `a` and an answer that waits. */
function open(): { peer: ScriptedPeer; resume: () => string[] } {
  const peer = createScriptedPeer();
  const [answer] = peer.greet({ ...CAPABLE, session: { id: "mine" } });
  const { instance } = readWelcome(answer?.["result"], "mine", AGENT).session;
  peer.count({ id: "a", method: "m", streams: { write: ["in"] } });
  peer.drain();
  const resume = (): string[] => {
    const [again, ...rest] = peer.greet({ ...CAPABLE, session: { id: "mine", instance, received: 0 } });
    const { session } = readWelcome(again?.["result"], "mine", AGENT);
    peer.seq = session.received;
    return [
      session.instance === instance ? "resumed" : "lost",
      ...rest.flatMap(({ id }) => (id === undefined ? [] : [textOf(id)])),
    ];
  };
  return { peer, resume };
}

const BEGUN = {
  "a line": '{"jsonrpc":"2.0","seq":2,"id":"b","meth',
  "the line of a chunk": chunk("0123456789").slice(0, 60),
  "the bytes of a chunk": chunk("0123456789").slice(0, -3),
  "a hello": Buffer.from(hello("torn")).toString().slice(0, 80),
} as const;

describe("garbage in an open session", () => {
  test("a listener is cut, answers no message but with session.resync, and is resumed without a loss", () => {
    const { peer, resume } = open();
    peer.send("garbage\n");
    expect([peer.session.state, peer.drain()]).toEqual(["cut", []]);
    peer.count({ id: "b", method: "m" });
    peer.say({ method: "session.ping" });
    peer.say({ method: "session.goodbye" });
    peer.send(chunk("abc"));
    expect(wordsOf(peer)).toEqual(["session.resync", "session.resync", "session.resync", "session.resync"]);
    peer.calls[0]?.respond("kept");
    expect(peer.drain()).toEqual([]);
    expect(resume()).toEqual(["resumed", "a"]);
    peer.count({ id: "b", method: "m" });
    expect(peer.calls.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  test("a dialler is cut at once, reads nothing more, and sends nothing", () => {
    const peer = createOpenDialler();
    peer.session.notify("waiting");
    peer.send('garbage\n{"jsonrpc":"2.0","seq":1,"id":"b","method":"m"}\n');
    expect([peer.session.state, peer.calls, peer.drain()]).toEqual(["cut", [], []]);
  });

  test("an object of another dialect cuts a dialler, as garbage does", () => {
    for (const input of ['{"success": true}\n', '17\n{"success": true}']) {
      const peer = createOpenDialler();
      peer.send(input);
      expect([peer.session.state, peer.foreign]).toEqual(["cut", []]);
    }
  });
});

describe.each(Object.entries(BEGUN))("%s that is not completed", (_, begun) => {
  test("after two seconds it is dropped, the session is resumed, and an old request is answered", () => {
    const { peer, resume } = open();
    peer.send(begun);
    peer.tick(1000);
    expect(peer.session.state).toBe("open");
    peer.tick(1000);
    expect(peer.session.state).toBe("cut");
    peer.send(OLD);
    expect(peer.foreign).toHaveLength(1);
    peer.calls[0]?.respond("kept");
    expect(resume()).toEqual(["resumed", "a"]);
  });

  test("a byte within two seconds keeps it", () => {
    const { peer } = open();
    for (const byte of begun.slice(0, 20)) {
      peer.send(byte);
      peer.tick(1999);
    }
    expect(peer.session.state).toBe("open");
  });

  test("it is dropped at once when the host has left the port", () => {
    const { peer, resume } = open();
    peer.send(begun);
    peer.send("");
    expect(peer.session.state).toBe("cut");
    peer.send(OLD);
    expect(peer.foreign).toHaveLength(1);
    expect(resume()).toEqual(["resumed"]);
  });

  test("a dialler drops it too, and is cut", () => {
    const peer = createOpenDialler();
    if (begun.includes("negotiate:")) return;
    peer.send(begun);
    peer.tick(2000);
    expect(peer.session.state).toBe("cut");
  });
});

describe("a number that came before in the same epoch", () => {
  test("cuts a listener, which sends session.resync and is resumed without a loss", () => {
    const { peer, resume } = open();
    peer.say({ seq: 1, id: "b", method: "m" });
    expect([peer.session.state, wordsOf(peer)]).toEqual(["cut", ["session.resync"]]);
    expect(peer.calls.map(({ id }) => id)).toEqual(["a"]);
    peer.calls[0]?.respond("kept");
    expect(resume()).toEqual(["resumed", "a"]);
  });

  test.each([
    ["the last one", 2],
    ["an early one", 1],
  ])("cuts a dialler, also if it is %s", (_, seq) => {
    const peer = createOpenDialler();
    peer.count({ method: "first" });
    peer.count({ method: "second" });
    peer.say({ seq, method: "third" });
    expect([peer.session.state, peer.notices.length]).toEqual(["cut", 2]);
  });

  test("is the next one for a resumed session that has not received it", () => {
    const { peer, resume } = open();
    peer.session.detach();
    expect(resume()).toEqual(["resumed"]);
    peer.count({ id: "b", method: "m" });
    expect([peer.session.state, peer.calls.length]).toEqual(["open", 2]);
  });
});

describe("an old host's request", () => {
  test.each([
    ["before a session", () => createScriptedPeer(), "idle"],
    ["at a boundary in an open session", () => open().peer, "cut"],
    [
      "after a cut",
      () => {
        const { peer } = open();
        peer.session.detach();
        return peer;
      },
      "cut",
    ],
  ] as const)("%s it is taken, and the next one too", (_, make, state) => {
    const peer = make();
    for (const count of [1, 2]) {
      peer.send(OLD);
      expect([peer.foreign.length, peer.session.state]).toEqual([count, state]);
    }
    expect(peer.drain()).toEqual([]);
  });

  test("half of it, and nothing for two seconds, do not harm the next one, and lose no order", () => {
    const { peer } = open();
    peer.send(OLD.slice(0, 20));
    peer.tick(1999);
    peer.tick(1);
    peer.count({ id: "b", method: "m" });
    expect([peer.session.state, peer.calls.length]).toEqual(["open", 2]);
    peer.send(OLD);
    expect([peer.session.state, peer.foreign.length]).toEqual(["cut", 1]);
  });

  test("one that begins inside a torn frame is lost, and the next one after two seconds is taken", () => {
    const { peer } = open();
    peer.send(BEGUN["the bytes of a chunk"].slice(0, -5) + OLD);
    expect(peer.foreign).toEqual([]);
    peer.tick(2000);
    peer.send(OLD);
    expect(peer.foreign).toHaveLength(1);
  });
});

test("an idle port and an empty piece between frames mean nothing", () => {
  const { peer } = open();
  for (let second = 0; second < 9; second++) peer.tick(1000);
  peer.send("");
  peer.count({ id: "b", method: "m" });
  expect([peer.session.state, peer.calls.length]).toEqual(["open", 2]);
});

test.each(Object.entries(TORN))(
  "a listener that begins inside a %s, at any byte, answers nothing and carries nothing out",
  (_, bytes) => {
    const start = bytes.indexOf(0x7b) + 1;
    for (let cut = start; cut < bytes.length; cut++) {
      for (const make of [() => createScriptedPeer(), cutPeer]) {
        const peer = make();
        peer.send(bytes.subarray(cut));
        const carried = [peer.calls.length, peer.notices.length, peer.foreign.length, peer.drain().length];
        if (carried.some((count) => count > 0)) expect({ cut, carried }).toEqual({ cut, carried: [] });
        if (cut % 5 === 0) expect([peer.greet().length, peer.session.state]).toEqual([1, "open"]);
      }
    }
  },
);

function cutPeer(): ScriptedPeer {
  const peer = createOpenListener();
  peer.session.detach();
  return peer;
}

describe("names that the protocol reserves", () => {
  test("negotiate: on a native line is refused with an id, and ignored without one", () => {
    const peer = createOpenListener();
    peer.count({ id: "x", method: "negotiate:me" });
    expect(peer.drain()).toMatchObject([
      { id: null },
      { id: "x", error: { data: { code: "UNKNOWN_METHOD" } } },
    ]);
    peer.count({ method: "negotiate:me" });
    peer.count({ method: "session.later" });
    expect([peer.calls, peer.notices, peer.drain()]).toEqual([[], [], []]);
  });
});
