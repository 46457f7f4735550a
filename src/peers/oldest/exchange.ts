/**
 * One call to python-negotiator 0.1 or 0.2 on a fresh channel: hello, request, answer. Each request that the
 * agent turns back gets a response, because the agent takes the next frame for it.
 */
import { NegotiatorError } from "../../errors.ts";
import type { Channel } from "../../wire/channel.ts";
import type { LegacyAnswer } from "../legacy/calls.ts";
import type { SyncProbe } from "../legacy/sync-probe.ts";
import { endedEarly, readChannelObjects } from "../queued/channel-objects.ts";
import type { ChannelObjects } from "../queued/channel-objects.ts";
import {
  encodeOldestRequest,
  encodeOldestResult,
  readOldestMessage,
  readReportedFailure,
} from "./envelope.ts";
import type { OldestMessage, OldestRequest } from "./envelope.ts";
import { synchronise } from "./synchronise.ts";

/**
 * Makes one call: synchronises with the agent, calls `onSend`, sends the request. Resolves to undefined,
 * without the request, if an agent of another dialect answers the probe. Rejects with `CLOSED` if the channel
 * ends before the answer, and with `BAD_FRAME` or `TOO_LARGE` for an unreadable answer.
 */
export async function exchangeOldest(
  channel: Channel,
  probe: SyncProbe,
  request: OldestRequest,
  onSend: () => void,
): Promise<LegacyAnswer | undefined> {
  const objects = readChannelObjects(channel);
  if (!(await synchronise(channel, objects, probe))) return undefined;
  onSend();
  await channel.write(encodeOldestRequest(request));
  return takeAnswer(channel, objects);
}

/** Only our answer can come now, so an unreadable object is a failed answer. */
async function takeAnswer(channel: Channel, objects: ChannelObjects): Promise<LegacyAnswer> {
  const message = await takeMessage(channel, objects);
  if (message.kind !== "request") return message;
  await channel.write(encodeOldestResult(null));
  const failure = readReportedFailure(message);
  if (failure !== undefined) return { kind: "failure", text: failure };
  // The agent has no such method. It repeats our response now, and may not ask again.
  const { kind } = await takeMessage(channel, objects);
  if (kind === "request") throw new NegotiatorError("BAD_FRAME", "The old agent turns back each message");
  return { kind: "failure", text: `Command ${message.command} not supported` };
}

async function takeMessage(channel: Channel, objects: ChannelObjects): Promise<OldestMessage> {
  for await (const object of objects) {
    if (object instanceof NegotiatorError) throw object;
    return readOldestMessage(object);
  }
  throw endedEarly(channel);
}
