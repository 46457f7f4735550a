/** One call to a python-negotiator at the other end of a fresh channel: hello, call, answer, and nothing that it could die of. */
import { NegotiatorError } from "../errors.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import type { Channel } from "../wire/channel.ts";
import { legacy } from "../wire/dialects/legacy.ts";
import type { LegacyParams } from "../wire/dialects/legacy.ts";
import { native } from "../wire/dialects/native.ts";
import { createFramer } from "../wire/framing.ts";
import { encodeHello, isLegacyRefusal, PROTOCOL_VERSIONS } from "../wire/handshake.ts";
import type { Agent } from "../wire/handshake.ts";
import type { Message } from "../wire/message.ts";
import { readMessage } from "../wire/reading.ts";

/** `text` is an old server's own account of what went wrong. */
export type LegacyAnswer = { kind: "result"; result: unknown } | { kind: "failure"; text: string };

export type LegacyRequest = { method: string } & LegacyParams;

/** A hello of a session that never begins: an old server refuses it, and a native one shows itself by its answer. */
export function makeFence(agent: Agent, makeId: () => string): Fence {
  const nonce = makeId();
  const session = { id: makeId(), received: 0 };
  const offer = { capabilities: [], agent, limits: { lineBytes: DEFAULT_LIMITS.lineBytes }, isProbe: true };
  return { nonce, bytes: encodeHello({ nonce, versions: PROTOCOL_VERSIONS, session, ...offer }) };
}

/** A hello and its nonce. The old server's refusal of it is the fence behind which no late answer can be. */
export type Fence = { nonce: string; bytes: Uint8Array };

/**
 * Says hello first: an old server refuses that by its nonce, and everything before the refusal answered somebody else who
 * has left. Then calls `onRequest` and makes the call. Returns undefined when a native agent answers the hello: the guest
 * was upgraded. Rejects with `CLOSED` when the channel ends before the answer, with `BAD_FRAME` or `TOO_LARGE` for an answer
 * that cannot be taken.
 */
export async function converse(
  channel: Channel,
  fence: Fence,
  { method, args, kw }: LegacyRequest,
  onRequest: () => void,
): Promise<LegacyAnswer | undefined> {
  const heard = listen(channel);
  await channel.write(fence.bytes);
  let isFenced = false;
  for await (const { message, isNative } of heard) {
    if (isNative) return undefined;
    // What cannot be read here is the torn end of something older.
    if (message instanceof NegotiatorError) continue;
    isFenced = isLegacyRefusal(message, fence.nonce);
    if (isFenced) break;
  }
  if (!isFenced) throw endedEarly(channel);
  onRequest();
  await channel.write(legacy.encode({ kind: "request", method, params: { args, kw } }));
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
type Heard = { message: Message | NegotiatorError; isNative: boolean };

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
        frame.kind === "fault" ? { message: frame.error, isNative: false } : hearMessage(frame.bytes);
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
  const read = readMessage(bytes);
  if (read.kind === "unreadable") return { message: read.error, isNative: false };
  return { message: read.message, isNative: read.dialect === native };
}
