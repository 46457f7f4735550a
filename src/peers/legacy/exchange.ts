/**
 * One call to a python-negotiator on a fresh channel: hello, request, answer. No other byte is sent, because
 * the old agent dies of bytes that it does not expect.
 */
import { NegotiatorError } from "../../errors.ts";
import type { Channel } from "../../wire/channel.ts";
import { native } from "../../wire/dialects/native.ts";
import { endedEarly, readChannelObjects } from "../queued/channel-objects.ts";
import type { ChannelObjects } from "../queued/channel-objects.ts";
import { readLegacyObject } from "./answer-reader.ts";
import type { AnswerOutput, LegacyAnswer } from "./answer-reader.ts";
import { legacyEnvelope, refusesHello } from "./envelope.ts";
import type { LegacyParams } from "./envelope.ts";
import { isAboutProbe } from "./sync-probe.ts";
import type { SyncProbe } from "./sync-probe.ts";

/**
 * Makes one call: sends the probe, waits for its refusal, calls `onSend`, sends the request. Resolves to
 * undefined, without the request, if an agent of another dialect answers the probe. Passes the output in the
 * answer on while it arrives. Rejects with `CLOSED` if the channel ends before the answer does, and with
 * `BAD_FRAME` or `TOO_LARGE` for an unreadable answer.
 */
export async function exchange(
  channel: Channel,
  probe: SyncProbe,
  { method, args, kw }: LegacyParams & { method: string },
  { onSend, ...output }: AnswerOutput & { onSend: () => void },
): Promise<LegacyAnswer | undefined> {
  const objects = readChannelObjects(channel);
  await channel.write(probe.bytes);
  const answerer = await findAnswerer(objects, probe.nonce);
  if (answerer === "other") return undefined;
  if (answerer === undefined) throw endedEarly(channel);
  onSend();
  await channel.write(legacyEnvelope.encode({ kind: "request", method, params: { args, kw } }));
  // After the probe's refusal only our answer can come.
  const object = await readLegacyObject(objects.rest(), output);
  if (object === undefined) throw endedEarly(channel);
  return object.answer();
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
