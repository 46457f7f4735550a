/**
 * One call to a python-negotiator on a fresh channel: hello, request, answer. No other byte is sent, because
 * the old agent dies of bytes that it does not expect.
 */
import { NegotiatorError } from "../../errors.ts";
import type { Channel } from "../../wire/channel.ts";
import { native } from "../../wire/dialects/native.ts";
import type { Message } from "../../wire/message.ts";
import { endedEarly, readChannelObjects } from "../queued/channel-objects.ts";
import type { ChannelObjects } from "../queued/channel-objects.ts";
import type { LegacyAnswer } from "./calls.ts";
import { legacyEnvelope, refusesHello } from "./envelope.ts";
import type { LegacyParams } from "./envelope.ts";
import { isAboutProbe } from "./sync-probe.ts";
import type { SyncProbe } from "./sync-probe.ts";

/**
 * Makes one call: sends the probe, waits for its refusal, calls `onSend`, sends the request. Resolves to
 * undefined, without the request, if an agent of another dialect answers the probe. Rejects with `CLOSED` if
 * the channel ends before the answer, and with `BAD_FRAME` or `TOO_LARGE` for an unreadable answer.
 */
export async function exchange(
  channel: Channel,
  probe: SyncProbe,
  { method, args, kw }: LegacyParams & { method: string },
  onSend: () => void,
): Promise<LegacyAnswer | undefined> {
  const objects = readChannelObjects(channel);
  await channel.write(probe.bytes);
  const answerer = await findAnswerer(objects, probe.nonce);
  if (answerer === "other") return undefined;
  if (answerer === undefined) throw endedEarly(channel);
  onSend();
  await channel.write(legacyEnvelope.encode({ kind: "request", method, params: { args, kw } }));
  const answer = await findAnswer(objects);
  if (answer === undefined) throw endedEarly(channel);
  return answer;
}

/** Unreadable objects are skipped, because they can be the end of an older answer. */
async function findAnswerer(objects: ChannelObjects, nonce: string): Promise<"other" | "legacy" | undefined> {
  for await (const object of objects) {
    if (object instanceof NegotiatorError) continue;
    if (native.recognises(object)) return "other";
    if (refusesHello(object, nonce)) return "legacy";
    if (isAboutProbe(object, nonce)) return "other";
  }
  return undefined;
}

/** After the probe's refusal only our answer can come, so an unreadable object is a failed answer. */
async function findAnswer(objects: ChannelObjects): Promise<LegacyAnswer | undefined> {
  for await (const object of objects) {
    if (object instanceof NegotiatorError) throw object;
    const message: Message = legacyEnvelope.decode(object);
    if (message.kind === "result") return { kind: "result", result: message.result };
    if (message.kind === "failure") return { kind: "failure", text: message.error.message };
  }
  return undefined;
}
