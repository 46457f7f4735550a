/** The transcripts of whole sessions hold for this program. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../src/errors.ts";
import { encodeLengthPrefixed } from "../../src/wire/frames/length-prefixed.ts";
import type { IncomingCall } from "../../src/wire/calls/incoming-call.ts";
import type { OutgoingCall } from "../../src/wire/calls/outgoing-call.ts";
import { isJsonObject } from "../../src/wire/json.ts";
import type { JsonObject } from "../../src/wire/json.ts";
import { createScriptedPeer, settle } from "../wire/session/scripted-peer.ts";
import type { ScriptedPeer } from "../wire/session/scripted-peer.ts";
import { rejectionOf } from "../support/error-of.ts";
import { bytesOf, loadVectors, textOf } from "./vectors.ts";

type Step =
  | { in: string }
  | { hello: { nonce: string; params: JsonObject } }
  | { out: JsonObject[] }
  | { outHello: JsonObject }
  | { state: string }
  | { passMs: number }
  | { dial: true }
  | { call: { method: string; params: JsonObject } }
  | { result: unknown }
  | { failure: string };
type Transcript = { name: string; side: "listener" | "dialler"; steps: Step[] };

/** Messages whose time and number are free. */
const FREE = new Set(["session.ack", "session.credit"]);

type Run = { peer: ScriptedPeer; names: Map<string, string>; call?: OutgoingCall };

test.each(loadVectors<Transcript>("sessions.json"))("%s", async (_, { side, steps }) => {
  const run: Run = {
    peer: createScriptedPeer({ side, onCall: (call) => void serve(call) }),
    names: new Map(),
  };
  for (const [index, step] of steps.entries()) {
    await takeStep(run, step).catch((cause: unknown) => {
      throw new Error(`Step ${index} failed: ${JSON.stringify(step)}`, { cause });
    });
  }
});

async function takeStep(run: Run, step: Step): Promise<void> {
  const { peer, names } = run;
  if ("in" in step) peer.send(bytesOf(fill(step.in, names)));
  else if ("hello" in step)
    peer.send(hello(step.hello.nonce, JSON.parse(fill(JSON.stringify(step.hello.params), names))));
  else if ("passMs" in step) for (let passed = 0; passed < step.passMs; passed += 500) peer.tick(500);
  else if ("call" in step) run.call = peer.session.call(step.call);
  else if ("state" in step) expect<string>(peer.session.state).toBe(step.state);
  else if ("result" in step) expect((await run.call?.answer)?.result).toEqual(step.result);
  else if ("failure" in step)
    expect<string>((await rejectionOf(run.call?.answer ?? never())).code).toBe(step.failure);
  else if ("dial" in step) {
    peer.session.detach();
    peer.session.dial();
  } else {
    await settle();
    const sent = peer
      .drain()
      .filter(({ method }) => !FREE.has(String(method)))
      .map((message) => ({ ...message, content: contentOf(message) }));
    const wanted = "out" in step ? step.out : [step.outHello];
    expect(sent).toHaveLength(wanted.length);
    for (const [index, pattern] of wanted.entries()) {
      const problem = findMismatch(pattern, sent[index], names);
      if (problem !== undefined)
        throw new Error(
          `${problem} differs in ${JSON.stringify(sent[index])}, not ${JSON.stringify(pattern)}`,
        );
    }
  }
}

/** Returns the bytes of a stream chunk in any of its forms, as latin-1. */
function contentOf({ method, params, payload }: JsonObject): string | undefined {
  if (method !== "stream.data" || !isJsonObject(params)) return undefined;
  if (payload instanceof Uint8Array) return textOf(payload);
  const { text, base64 } = params;
  if (typeof text === "string") return textOf(new TextEncoder().encode(text));
  return textOf(Uint8Array.fromBase64(String(base64)));
}

/** The methods that a program has for the transcripts. */
async function serve(call: IncomingCall): Promise<void> {
  if (call.method === "vector.answer") return call.respond(call.params);
  if (call.method === "vector.echo") return echo(call);
  if (call.method !== "vector.wait")
    return call.fail(new NegotiatorError("UNKNOWN_METHOD", "No such method"));
  call.listen((name, value) => call.send(name, value));
  call.signal.addEventListener("abort", () => call.fail(NegotiatorError.from(call.signal.reason)));
}

async function echo(call: IncomingCall): Promise<void> {
  const out = call.writer("out");
  let bytes = 0;
  for await (const piece of call.reader("in")) {
    bytes += piece.length;
    await out.write(piece);
  }
  call.respond({ bytes });
}

function hello(nonce: string, params: JsonObject): Uint8Array {
  const method = `negotiate:${nonce}`;
  const members = { command: method, arguments: [], keyword_arguments: {}, success: true, result: method };
  const frame = encodeLengthPrefixed({ method, jsonrpc: "2.0", id: nonce, params, ...members });
  const body = `\n${new TextDecoder().decode(frame.subarray(frame.indexOf(0x0a) + 1))}\n`;
  return new TextEncoder().encode(`${body.length}\n${body}`);
}

/** Puts the values of names such as `$nonce` in their places. */
function fill(text: string, names: ReadonlyMap<string, string>): string {
  return text.replace(/\$[a-z]+\d?/g, (name) => names.get(name) ?? name);
}

/**
 * Returns where a message lacks a part of the pattern. A name gets its value where it first stands.
 */
function findMismatch(
  pattern: unknown,
  sent: unknown,
  names: Map<string, string>,
  place = "$",
): string | undefined {
  if (typeof pattern === "string" && pattern.startsWith("$") && !names.has(pattern)) {
    if (typeof sent === "string") names.set(pattern, sent);
    return typeof sent === "string" ? undefined : place;
  }
  if (typeof pattern === "string") return fill(pattern, names) === sent ? undefined : place;
  if (!isJsonObject(pattern)) return Bun.deepEquals(pattern, sent) ? undefined : place;
  if (!isJsonObject(sent)) return place;
  for (const [name, member] of Object.entries(pattern)) {
    const problem = findMismatch(member, sent[name], names, `${place}.${name}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function never(): never {
  throw new Error("the transcript makes no call");
}
