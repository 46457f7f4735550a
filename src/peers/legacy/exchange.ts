/**
 * One call to a python-negotiator on a fresh channel: hello, request, answer. No other byte is sent, because
 * the old agent dies of bytes that it does not expect.
 */
import { NegotiatorError } from "../../errors.ts";
import { DEFAULT_LIMITS } from "../../limits.ts";
import type { Channel } from "../../wire/channel.ts";
import { native } from "../../wire/dialects/native.ts";
import type { JsonObject } from "../../wire/json.ts";
import type { Message } from "../../wire/message.ts";
import { createObjectFramer } from "../object-framer.ts";
import type { LegacyAnswer } from "./calls.ts";
import { legacyEnvelope, refusesHello } from "./envelope.ts";
import type { LegacyParams } from "./envelope.ts";
import type { SyncProbe } from "./sync-probe.ts";

/**
 * Makes one call: sends the probe, waits for its refusal, calls `onSend`, sends the request. Resolves to
 * undefined, without the request, if a native agent answers the probe. Rejects with `CLOSED` if the channel
 * ends before the answer, and with `BAD_FRAME` or `TOO_LARGE` for an unreadable answer.
 */
export async function exchange(
  channel: Channel,
  probe: SyncProbe,
  { method, args, kw }: LegacyParams & { method: string },
  onSend: () => void,
): Promise<LegacyAnswer | undefined> {
  const objects = receive(channel);
  await channel.write(probe.bytes);
  const answerer = await findAnswerer(objects, probe.nonce);
  if (answerer === "native") return undefined;
  if (answerer === undefined) throw endedEarly(channel);
  onSend();
  await channel.write(legacyEnvelope.encode({ kind: "request", method, params: { args, kw } }));
  const answer = await findAnswer(objects);
  if (answer === undefined) throw endedEarly(channel);
  return answer;
}

type Objects = AsyncIterableIterator<JsonObject | NegotiatorError>;

/** Unreadable objects are skipped, because they can be the end of an older answer. */
async function findAnswerer(objects: Objects, nonce: string): Promise<"native" | "legacy" | undefined> {
  for await (const object of objects) {
    if (object instanceof NegotiatorError) continue;
    if (native.recognises(object)) return "native";
    if (refusesHello(object, nonce)) return "legacy";
  }
  return undefined;
}

/** After the probe's refusal only our answer can come, so an unreadable object is a failed answer. */
async function findAnswer(objects: Objects): Promise<LegacyAnswer | undefined> {
  for await (const object of objects) {
    if (object instanceof NegotiatorError) throw object;
    const message: Message = legacyEnvelope.decode(object);
    if (message.kind === "result") return { kind: "result", result: message.result };
    if (message.kind === "failure") return { kind: "failure", text: message.error.message };
  }
  return undefined;
}

/** Two loops read one after the other, so this iterator has no `return` for the first loop to call. */
function receive(channel: Channel): Objects {
  const objects = readObjects(channel);
  const iterator: Objects = { next: () => objects.next(), [Symbol.asyncIterator]: () => iterator };
  return iterator;
}

async function* readObjects(channel: Channel): AsyncGenerator<JsonObject | NegotiatorError, void, undefined> {
  const framer = createObjectFramer(DEFAULT_LIMITS);
  let faults = 0;
  for await (const bytes of channel) {
    for (const object of framer.push(bytes)) {
      if (object instanceof NegotiatorError && ++faults > DEFAULT_LIMITS.faults) throw tooManyFaults(channel);
      yield object;
    }
  }
}

function endedEarly({ label }: Channel): NegotiatorError {
  return new NegotiatorError("CLOSED", `The channel "${label}" ended before the answer`);
}

function tooManyFaults({ label }: Channel): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `The channel "${label}" carries too many invalid messages`);
}
