/** Brings an agent of python-negotiator 0.1 or 0.2 to the start of its loop, where it owes us nothing. */
import { NegotiatorError } from "../../errors.ts";
import type { Channel } from "../../wire/channel.ts";
import { native } from "../../wire/dialects/native.ts";
import type { JsonObject } from "../../wire/json.ts";
import { helloMethod } from "../../wire/session/handshake.ts";
import { isAboutProbe } from "../legacy/sync-probe.ts";
import type { SyncProbe } from "../legacy/sync-probe.ts";
import { endedEarly } from "../queued/channel-objects.ts";
import type { ChannelObjects } from "../queued/channel-objects.ts";
import { encodeGreeting, isOldestMessage, readOldestMessage, readReportedFailure } from "./envelope.ts";

/**
 * Sends the probe. Resolves to true when the agent has taken all our bytes and waits for a request, and to
 * false if an agent of another dialect answers. Rejects with `CLOSED` if the channel ends before that.
 *
 * The agent takes each of our frames in turn, as a request or as the response that it waits for. The messages
 * of an earlier caller decide which. So each frame is both, and has its own name, which the agent repeats.
 */
export async function synchronise(
  channel: Channel,
  objects: ChannelObjects,
  { bytes, nonce }: SyncProbe,
): Promise<boolean> {
  const hello = helloMethod(nonce);
  let last = hello;
  let count = 0;
  await channel.write(bytes);
  for await (const object of objects) {
    // An unreadable object can be the end of an older answer.
    if (object instanceof NegotiatorError) continue;
    const said = read(object, nonce, last);
    if (said === "other") return false;
    if (said === "took the last frame") return true;
    if (said !== "waits") continue;
    last = `${hello}.${++count}`;
    await channel.write(encodeGreeting(last));
  }
  throw endedEarly(channel);
}

/** Reads what an object says: the agent waits for a response, or took the last frame for one, or neither. */
function read(
  object: JsonObject,
  nonce: string,
  last: string,
): "other" | "took the last frame" | "waits" | undefined {
  if (native.recognises(object)) return "other";
  const message = isOldestMessage(object) ? readOldestMessage(object) : undefined;
  if (message?.kind === "result") return message.result === last ? "took the last frame" : undefined;
  if (message?.kind !== "request") return isAboutProbe(object, nonce) ? "other" : undefined;
  // After an earlier frame of ours the agent takes the next one, which is on its way.
  return message.command === last || readReportedFailure(message) !== undefined ? "waits" : undefined;
}
