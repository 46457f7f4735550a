/** One session, and a peer whose bytes the test writes. */
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import { encodeHello, encodeWelcome, PROTOCOL_VERSIONS } from "../../../src/wire/session/handshake.ts";
import type { Hello, Welcome } from "../../../src/wire/session/handshake.ts";
import { isJsonObject } from "../../../src/wire/json.ts";
import type { JsonObject } from "../../../src/wire/json.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import type { Limits } from "../../../src/limits.ts";
import { legacyEnvelope, refusesHello } from "../../../src/peers/legacy/envelope.ts";
import { createSession } from "../../../src/wire/session/session.ts";
import type { Session, SessionOptions, SessionState } from "../../../src/wire/session/session.ts";

/** The peer and its session. */
export type ScriptedPeer = {
  readonly session: Session;
  /** Calls that the session has received. */
  readonly calls: IncomingCall[];
  readonly notices: { method: string; params: unknown }[];
  readonly foreign: JsonObject[];
  readonly states: SessionState[];
  /** The number of the last numbered message. */
  seq: number;
  /** Time on the session's clock. */
  nowMs: number;
  send(bytes: Uint8Array | string): void;
  /** Sends a line of JSON-RPC. */
  say(members: JsonObject): void;
  /** Sends a line with the next number. */
  count(members: JsonObject): void;
  /** Takes all messages that the session has to send now, as objects. */
  drain(): JsonObject[];
  /** Sends a hello, and numbers messages from 1 again. Returns the messages that the session sends. */
  greet(changes?: HelloChanges): JsonObject[];
  /** Answers the hello that the session has to send. */
  welcome(changes?: Partial<Welcome["session"]>, capabilities?: string[]): void;
  /** Moves the session's clock. */
  tick(afterMs: number): void;
};

/** Members of a hello that differ from the default ones. */
export type HelloChanges = Partial<Omit<Hello, "session">> & { session?: Partial<Hello["session"]> };

/** Options of the session that differ from the default ones. */
export type ScriptedOptions = Partial<Omit<SessionOptions, "limits">> & { limits?: Partial<Limits> };

function isPing({ method }: JsonObject): boolean {
  return method === "session.ping";
}

function isLegacyMessage(object: JsonObject): boolean {
  try {
    legacyEnvelope.decode(object);
    return legacyEnvelope.recognises(object);
  } catch {
    return false;
  }
}

const AGENT = { name: "scripted", version: "0", role: "test" };
const PEER_LIMITS = { lineBytes: 1024 * 1024, noticeBytes: 256 * 1024 };

/** Creates a listener, or a dialler by its option, and its peer. */
export function createScriptedPeer({ limits, ...options }: ScriptedOptions = {}): ScriptedPeer {
  const calls: IncomingCall[] = [];
  const notices: { method: string; params: unknown }[] = [];
  const foreign: JsonObject[] = [];
  const states: SessionState[] = [];
  let ids = 0;
  let hellos = 0;

  const session = createSession({
    side: "listener",
    agent: { name: "negotiator", version: "0", role: "guest" },
    makeId: () => `made-${++ids}`,
    limits: { ...DEFAULT_LIMITS, ...limits },
    onCall: (call) => calls.push(call),
    onNotice: (method, params) => notices.push({ method, params }),
    onForeign({ object, hello }) {
      if (!isLegacyMessage(object)) return false;
      const isDialler = options.side === "dialler";
      if (!isDialler || (hello !== undefined && refusesHello(object, hello)))
        session.yieldTo("python-negotiator");
      foreign.push(object);
      return true;
    },
    onState: (state) => states.push(state),
    onOutput: () => {},
    ...options,
  });

  const peer: ScriptedPeer = {
    session,
    calls,
    notices,
    foreign,
    states,
    seq: 0,
    nowMs: 0,
    send: (bytes) =>
      session.receive(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes, peer.nowMs),
    say: (members) => peer.send(`${JSON.stringify({ jsonrpc: "2.0", ...members })}\n`),
    count: (members) => peer.say({ seq: ++peer.seq, ...members }),
    drain() {
      const sent: JsonObject[] = [];
      for (let bytes = session.next(); bytes !== undefined; bytes = session.next()) sent.push(read(bytes));
      // A dialler asks with each call whether the peer is there.
      const isAsked = sent.some(({ id }) => id !== undefined) && sent.some(isPing);
      if (!isAsked || options.side !== "dialler") return sent;
      peer.say({ method: "session.pong" });
      return [...sent.filter((message) => !isPing(message)), ...peer.drain()];
    },
    greet({ session: names, ...changes } = {}) {
      const nonce = `nonce-${++hellos}`;
      peer.seq = 0;
      peer.send(
        encodeHello({
          nonce,
          versions: PROTOCOL_VERSIONS,
          capabilities: [],
          agent: AGENT,
          limits: PEER_LIMITS,
          ...changes,
          session: { id: `peer-${hellos}`, received: 0, ...names },
        }),
      );
      return peer.drain();
    },
    welcome(changes, capabilities = []) {
      const [hello] = peer.drain();
      const nonce = String(hello?.["id"]);
      if (changes?.received === undefined) peer.seq = 0;
      peer.send(
        encodeWelcome(nonce, {
          version: PROTOCOL_VERSIONS.max,
          capabilities,
          agent: AGENT,
          limits: PEER_LIMITS,
          session: { id: sessionOf(hello), instance: "listener-1", received: 0, ...changes },
        }),
      );
    },
    tick(afterMs) {
      peer.nowMs += afterMs;
      session.tick(peer.nowMs);
    },
  };
  return peer;
}

/** Creates a listener with an open session and nothing to send. */
export function createOpenListener(options: ScriptedOptions = {}): ScriptedPeer {
  const peer = createScriptedPeer(options);
  peer.greet();
  return peer;
}

/** Creates a dialler with an open session and nothing to send. */
export function createOpenDialler(options: ScriptedOptions = {}): ScriptedPeer {
  const peer = createScriptedPeer({ side: "dialler", ...options });
  peer.session.dial();
  peer.welcome();
  peer.drain();
  return peer;
}

/** Waits until all pending promise callbacks have run. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Returns the session id of a hello. */
function sessionOf(hello: JsonObject | undefined): string {
  const { session } = isJsonObject(hello?.["params"]) ? hello["params"] : {};
  return isJsonObject(session) ? String(session["id"]) : "";
}

/** Returns the object in a line or a length-prefixed frame; a raw chunk gets its bytes as `payload`. */
function read(bytes: Uint8Array): JsonObject {
  const text = Buffer.from(bytes).toString("latin1");
  const start = text.indexOf("{");
  const end = text.indexOf("\n", start);
  const lineEnd = end === -1 ? bytes.length : end;
  const object: JsonObject = JSON.parse(new TextDecoder().decode(bytes.subarray(start, lineEnd)));
  const payload = bytes.subarray(lineEnd + 1, -1);
  return payload.length === 0 ? object : { ...object, payload };
}
