/** One session, and a peer whose every byte the test writes. */
import type { IncomingCall } from "../../../src/wire/calls/incoming-call.ts";
import { encodeHello, encodeWelcome } from "../../../src/wire/session/handshake.ts";
import type { Hello, Welcome } from "../../../src/wire/session/handshake.ts";
import { isJsonObject } from "../../../src/wire/json.ts";
import type { JsonObject } from "../../../src/wire/json.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import type { Limits } from "../../../src/limits.ts";
import { legacyEnvelope, refusesHello } from "../../../src/peers/legacy/envelope.ts";
import { createSession } from "../../../src/wire/session/session.ts";
import type { Session, SessionOptions, SessionState } from "../../../src/wire/session/session.ts";

export type ScriptedPeer = {
  readonly session: Session;
  /** What the session was told, and told us. */
  readonly calls: IncomingCall[];
  readonly notices: { method: string; params: unknown }[];
  readonly foreign: JsonObject[];
  readonly states: SessionState[];
  /** Time on the session's clock. */
  nowMs: number;
  send(bytes: Uint8Array | string): void;
  /** Sends a line of JSON-RPC. */
  say(members: JsonObject): void;
  /** Sends a line with the next number. */
  count(members: JsonObject): void;
  /** Everything that the session has to say now, each message as an object. */
  drain(): JsonObject[];
  /** Says hello; the peer counts from one afterwards. Returns what the session says to it. */
  greet(changes?: HelloChanges): JsonObject[];
  /** Answers the hello that waits in `drain`. */
  welcome(changes?: Partial<Welcome["session"]>): void;
  tick(afterMs: number): void;
};

export type HelloChanges = Partial<Omit<Hello, "session">> & { session?: Partial<Hello["session"]> };

export type ScriptedOptions = Partial<Omit<SessionOptions, "limits">> & { limits?: Partial<Limits> };

function isLegacyMessage(object: JsonObject): boolean {
  try {
    legacyEnvelope.decode(object);
    return legacyEnvelope.recognises(object);
  } catch {
    return false;
  }
}

const AGENT = { name: "scripted", version: "0", role: "test" };
const PEER_LIMITS = { lineBytes: 1024 * 1024 };

export function createScriptedPeer({ limits, ...options }: ScriptedOptions = {}): ScriptedPeer {
  const calls: IncomingCall[] = [];
  const notices: { method: string; params: unknown }[] = [];
  const foreign: JsonObject[] = [];
  const states: SessionState[] = [];
  let ids = 0;
  let seq = 0;
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
    nowMs: 0,
    send: (bytes) =>
      session.receive(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes, peer.nowMs),
    say: (members) => peer.send(`${JSON.stringify({ jsonrpc: "2.0", ...members })}\n`),
    count: (members) => peer.say({ seq: ++seq, ...members }),
    drain() {
      const said: JsonObject[] = [];
      for (let bytes = session.next(); bytes !== undefined; bytes = session.next()) said.push(read(bytes));
      return said;
    },
    greet({ session: names, ...changes } = {}) {
      const nonce = `nonce-${++hellos}`;
      seq = 0;
      peer.send(
        encodeHello({
          nonce,
          versions: { min: 1, max: 1 },
          capabilities: [],
          agent: AGENT,
          limits: PEER_LIMITS,
          ...changes,
          session: { id: `peer-${hellos}`, received: 0, ...names },
        }),
      );
      return peer.drain();
    },
    welcome(changes) {
      const [hello] = peer.drain();
      const nonce = String(hello?.["id"]);
      seq = changes?.received === undefined ? 0 : seq;
      peer.send(
        encodeWelcome(nonce, {
          version: 1,
          capabilities: [],
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

/** A listener with an open session, and nothing to say. */
export function createOpenListener(options: ScriptedOptions = {}): ScriptedPeer {
  const peer = createScriptedPeer(options);
  peer.greet();
  return peer;
}

/** A dialler with an open session, and nothing to say. */
export function createOpenDialler(options: ScriptedOptions = {}): ScriptedPeer {
  const peer = createScriptedPeer({ side: "dialler", ...options });
  peer.session.dial();
  peer.welcome();
  peer.drain();
  return peer;
}

/** Lets promises that wait for nothing but their turn run on. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** The id by which a hello names its session. */
function sessionOf(hello: JsonObject | undefined): string {
  const { session } = isJsonObject(hello?.["params"]) ? hello["params"] : {};
  return isJsonObject(session) ? String(session["id"]) : "";
}

/** One message, native or counted, as an object. */
function read(bytes: Uint8Array): JsonObject {
  const text = new TextDecoder().decode(bytes);
  const object: JsonObject = JSON.parse(text.slice(text.indexOf("{")));
  return object;
}
