/** One call to a python-negotiator at the other end of a fresh channel: hello, call, answer, and nothing that it could die of. */
import { NegotiatorError } from "../../errors.ts";
import { DEFAULT_LIMITS } from "../../limits.ts";
import type { Channel } from "../../wire/channel.ts";
import { createFramer } from "../../wire/frames/framing.ts";
import { encodeHello, PROTOCOL_VERSIONS } from "../../wire/session/handshake.ts";
import type { Agent } from "../../wire/session/handshake.ts";
import type { JsonObject } from "../../wire/json.ts";
import type { Message } from "../../wire/message.ts";
import { readFrame } from "../../wire/reading.ts";
import { legacyEnvelope, refusesHello } from "./envelope.ts";
import type { LegacyParams } from "./envelope.ts";

/** `text` is an old server's own account of what went wrong. */
export type LegacyAnswer = { kind: "result"; result: unknown } | { kind: "failure"; text: string };

export type LegacyRequest = { method: string } & LegacyParams;

/** A hello of a session that never begins: an old server refuses it, and a native one shows itself by its answer. */
export function makeSyncProbe(agent: Agent, makeId: () => string): SyncProbe {
  const nonce = makeId();
  const session = { id: makeId(), received: 0 };
  const offer = { capabilities: [], agent, limits: { lineBytes: DEFAULT_LIMITS.lineBytes }, isProbe: true };
  return { nonce, bytes: encodeHello({ nonce, versions: PROTOCOL_VERSIONS, session, ...offer }) };
}

/** A hello and its nonce. The old server's refusal of it is the fence behind which no late answer can be. */
export type SyncProbe = { nonce: string; bytes: Uint8Array };

/**
 * Says hello first: an old server refuses that by its nonce, and everything before the refusal answered somebody else who
 * has left. Then calls `onRequest` and makes the call. Returns undefined when a native agent answers the hello: the guest
 * was upgraded. Rejects with `CLOSED` when the channel ends before the answer, with `BAD_FRAME` or `TOO_LARGE` for an answer
 * that cannot be taken.
 */
export async function converse(
  channel: Channel,
  fence: SyncProbe,
  { method, args, kw }: LegacyRequest,
  onRequest: () => void,
): Promise<LegacyAnswer | undefined> {
  const heard = listen(channel);
  await channel.write(fence.bytes);
  let isFenced = false;
  for await (const { message, object, isNative } of heard) {
    if (isNative) return undefined;
    // What cannot be read here is the torn end of something older.
    if (message instanceof NegotiatorError) continue;
    isFenced = refusesHello(object, fence.nonce);
    if (isFenced) break;
  }
  if (!isFenced) throw endedEarly(channel);
  onRequest();
  await channel.write(legacyEnvelope.encode({ kind: "request", method, params: { args, kw } }));
  for await (const { message } of heard) {
    // Behind the fence there is only the answer: another one will not come.
    if (message instanceof NegotiatorError) throw message;
    if (message.kind === "result") return { kind: "result", result: message.result };
    if (message.kind === "failure") return { kind: "failure", text: message.error.message };
  }
  throw endedEarly(channel);
}

function endedEarly({ label }: Channel): NegotiatorError {
  return new NegotiatorError("CLOSED", `The channel "${label}" ended before the answer came`);
}

/** A message, or why what came is none. */
type Heard = { message: Message | NegotiatorError; object: JsonObject; isNative: boolean };

function listen(channel: Channel): AsyncIterableIterator<Heard> {
  const heard = hear(channel);
  // A loop over it that is left with `break` must not end it: the next loop goes on where that one stopped.
  const onward = { next: () => heard.next(), [Symbol.asyncIterator]: () => onward };
  return onward;
}

async function* hear(channel: Channel): AsyncGenerator<Heard, void, undefined> {
  const framer = createFramer(DEFAULT_LIMITS);
  let faults = 0;
  for await (const bytes of channel) {
    for (const frame of framer.push(bytes)) {
      const heard =
        frame.kind === "fault"
          ? { message: frame.error, object: {}, isNative: false }
          : hearMessage(frame.bytes);
      if (heard.message instanceof NegotiatorError && ++faults > DEFAULT_LIMITS.faults)
        throw nonsense(channel);
      yield heard;
    }
  }
}

function nonsense({ label }: Channel): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `What comes over the channel "${label}" makes no sense`);
}

function hearMessage(bytes: Uint8Array): Heard {
  const read = readFrame(bytes);
  if (read.kind === "unreadable") return { message: read.error, object: {}, isNative: false };
  if (read.kind === "native") return { message: read.message, object: {}, isNative: true };
  try {
    return { message: legacyEnvelope.decode(read.object), object: read.object, isNative: false };
  } catch (thrown) {
    return { message: NegotiatorError.from(thrown), object: read.object, isNative: false };
  }
}
