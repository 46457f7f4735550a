/** A peer of version 1 is refused in both directions, and the error names both releases and the remedy. */
import { describe, expect, test } from "bun:test";
import { encodeLengthPrefixed } from "../../../src/wire/frames/length-prefixed.ts";
import type { JsonObject } from "../../../src/wire/json.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createOpenListener, createScriptedPeer } from "./scripted-peer.ts";
import type { ScriptedPeer } from "./scripted-peer.ts";

const GUEST = { name: "negotiator", version: "0.2.0", role: "guest" };
const HOST = { ...GUEST, role: "host" };
const OLD_HOST = { ...HOST, version: "0.1.0" };
const OLD_GUEST = { ...GUEST, version: "0.1.0" };

/** Sends a hello as release 0.1.0 sends it. */
function sendOldHello(peer: ScriptedPeer, changes: object = {}): void {
  const params = {
    versions: { min: 1, max: 1 },
    capabilities: ["streams", "resume", "detach"],
    agent: OLD_HOST,
    session: { id: "old-session", received: 0 },
    limits: { lineBytes: 1024 * 1024 },
    ...changes,
  };
  const method = "negotiate:old-nonce";
  const frame = new TextDecoder().decode(
    encodeLengthPrefixed({ method, jsonrpc: "2.0", id: "old-nonce", params }),
  );
  const body = frame.slice(frame.indexOf("\n") + 1);
  peer.send(`${body.length + 2}\n\n${body}\n`);
}

const dial = (agent = HOST): { peer: ScriptedPeer; nonce: unknown; reasons: (Error | undefined)[] } => {
  const reasons: (Error | undefined)[] = [];
  const peer = createScriptedPeer({
    side: "dialler",
    agent,
    onState: (_, reason) => reasons.push(reason),
  });
  peer.session.dial();
  return { peer, nonce: peer.drain()[0]?.["id"], reasons };
};

describe("a hello of version 1", () => {
  test("a listener refuses it with UNSUPPORTED, both releases, and its own versions in the details", () => {
    const peer = createScriptedPeer({ agent: GUEST });
    sendOldHello(peer);
    const [refusal, ...more] = peer.drain();
    expect([peer.session.state, more]).toEqual(["idle", []]);
    expect(refusal).toEqual({
      jsonrpc: "2.0",
      id: "old-nonce",
      error: {
        code: -32014,
        message:
          "negotiator 0.2.0 on the guest and negotiator 0.1.0 on the host " +
          "have no common protocol version (2 and 1)\nInstall negotiator 0.2.0 on the host",
        data: { code: "UNSUPPORTED", details: { versions: { min: 2, max: 2 }, agent: GUEST } },
      },
    });
  });

  test("it ends the listener's session before", async () => {
    const peer = createOpenListener({ agent: GUEST });
    peer.count({ id: "a", method: "m" });
    const call = peer.session.call({ method: "m" });
    peer.drain();
    sendOldHello(peer);
    expect(peer.drain()).toHaveLength(1);
    expect([peer.session.state, peer.calls[0]?.signal.aborted]).toEqual(["idle", true]);
    expect((await rejectionOf(call.answer)).code).toBe("UNKNOWN_OUTCOME");
  });

  test("its probe is refused without an end of the session", () => {
    const peer = createOpenListener({ agent: GUEST });
    sendOldHello(peer, { isProbe: true });
    expect(peer.drain()).toMatchObject([{ id: "old-nonce", error: { data: { code: "UNSUPPORTED" } } }]);
    expect(peer.session.state).toBe("open");
  });

  test("a hello that offers versions 1 to 3 opens a session of version 2", () => {
    const peer = createScriptedPeer({ agent: GUEST });
    const [answer] = peer.greet({ versions: { min: 1, max: 3 } });
    expect(answer?.["result"]).toMatchObject({ version: 2, capabilities: ["raw"], agent: GUEST });
    expect(peer.session.state).toBe("open");
  });

  test("a newer hello whose other members are unknown is refused for its version", () => {
    const peer = createScriptedPeer({ agent: GUEST });
    sendOldHello(peer, { versions: { min: 3, max: 4 }, capabilities: { raw: 2 }, session: 7, limits: null });
    const message: unknown = expect.stringContaining("(2 and 3 to 4)\nInstall negotiator 0.1.0 on the guest");
    expect(peer.drain()).toMatchObject([{ error: { message, data: { code: "UNSUPPORTED" } } }]);
  });
});

describe("a hello to a listener of version 1", () => {
  test("its refusal without details gives an error with both releases and the remedy", async () => {
    for (const [agent, other] of [
      [HOST, "guest"],
      [GUEST, "host"],
    ] as const) {
      const { peer, nonce, reasons } = dial(agent);
      const waiting = rejectionOf(peer.session.call({ method: "m" }).answer);
      const message = "No common protocol version: this side has 1 to 1, the peer has 2 to 2";
      peer.say({ id: nonce, error: { code: -32014, message, data: { code: "UNSUPPORTED" } } });
      const expected =
        `negotiator 0.2.0 on the ${agent.role} and negotiator 0.1 on the ${other} ` +
        `have no common protocol version (2 and 1)\nInstall negotiator 0.2.0 on the ${other}`;
      expect(await waiting).toMatchObject({ code: "UNSUPPORTED", message: expected });
      expect([peer.session.state, reasons.at(-1)?.message]).toEqual(["cut", expected]);
    }
  });

  test("the details of a refusal name the other release, and the older side is to be renewed", async () => {
    const { peer, nonce } = dial();
    const waiting = rejectionOf(peer.session.call({ method: "m" }).answer);
    const details = { versions: { min: 3, max: 5 }, agent: { ...OLD_GUEST, version: "0.9" } };
    peer.say({ id: nonce, error: { code: -32014, message: "no", data: { code: "UNSUPPORTED", details } } });
    expect((await waiting).message).toBe(
      "negotiator 0.2.0 on the host and negotiator 0.9 on the guest have no common protocol version " +
        "(2 and 3 to 5)\nInstall negotiator 0.9 on the host",
    );
  });

  test("a text in the details cannot begin a line of a log", async () => {
    const { peer, nonce } = dial();
    const waiting = rejectionOf(peer.session.call({ method: "m" }).answer);
    const details = { versions: { min: 3, max: 3 }, agent: { name: "a\nb", version: "1\n2", role: "r\ns" } };
    peer.say({ id: nonce, error: { code: -32014, message: "no", data: { code: "UNSUPPORTED", details } } });
    expect((await waiting).message.split("\n")).toHaveLength(2);
  });

  test("another refusal keeps its code and text", async () => {
    const { peer, nonce } = dial();
    const waiting = rejectionOf(peer.session.call({ method: "m" }).answer);
    peer.say({ id: nonce, error: { code: -32008, message: "later", data: { code: "BUSY" } } });
    expect(await waiting).toMatchObject({ code: "BUSY", message: "The peer refuses the session: later" });
  });

  test("an answer with version 1 closes the channel", () => {
    const { peer, nonce, reasons } = dial();
    const session = { id: "made-1", instance: "i", received: 0 };
    const result: JsonObject = {
      version: 1,
      capabilities: [],
      agent: OLD_GUEST,
      session,
      limits: { lineBytes: 131_072 },
    };
    peer.say({ id: nonce, result });
    expect(peer.session.state).toBe("cut");
    expect(reasons.at(-1)?.message).toContain("Install negotiator 0.2.0 on the guest");
  });
});
