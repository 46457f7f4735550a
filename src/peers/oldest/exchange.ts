/**
 * One call to python-negotiator 0.1 or 0.2 on a fresh channel: hello, request, answer. Each request that the
 * agent turns back gets a response, because the agent takes the next frame for it.
 */
import { NegotiatorError } from "../../errors.ts";
import type { Channel } from "../../wire/channel.ts";
import { readLegacyObject } from "../legacy/answer-reader.ts";
import type { AnswerOutput, LegacyAnswer, LegacyObject } from "../legacy/answer-reader.ts";
import { createFailureText } from "../legacy/failure-text.ts";
import type { SyncProbe } from "../legacy/sync-probe.ts";
import { endedEarly, readChannelObjects } from "../queued/channel-objects.ts";
import type { ChannelObjects } from "../queued/channel-objects.ts";
import {
  encodeOldestRequest,
  encodeOldestResult,
  readOldestMessage,
  readReportedFailure,
} from "./envelope.ts";
import type { OldestRequest } from "./envelope.ts";
import { synchronise } from "./synchronise.ts";

/**
 * Makes one call: synchronises with the agent, calls `onSend`, sends the request. Resolves to undefined,
 * without the request, if an agent of another dialect answers the probe. Passes the output in the answer on
 * while it arrives. Rejects with `CLOSED` if the channel ends before the end of the answer, and with
 * `BAD_FRAME` or `TOO_LARGE` for an unreadable answer.
 */
export async function exchangeOldest(
  channel: Channel,
  probe: SyncProbe,
  request: OldestRequest,
  { onSend, ...output }: AnswerOutput & { onSend: () => void },
): Promise<LegacyAnswer | undefined> {
  const objects = readChannelObjects(channel);
  if (!(await synchronise(channel, objects, probe))) return undefined;
  onSend();
  await channel.write(encodeOldestRequest(request));
  return takeAnswer(channel, objects, output);
}

/** Only our answer can come now, or a request that takes its place. */
async function takeAnswer(
  channel: Channel,
  objects: ChannelObjects,
  output: AnswerOutput,
): Promise<LegacyAnswer> {
  const object = await takeObject(channel, objects, output);
  const request = readRequest(object);
  if (request === undefined) return object.answer();
  await channel.write(encodeOldestResult(null));
  const failure = readReportedFailure(request);
  if (failure !== undefined) return splitFailure(failure, output);
  // The agent has no such method. It repeats our response now, and may not ask again.
  const again = readRequest(await takeObject(channel, objects, output));
  if (again !== undefined) throw new NegotiatorError("BAD_FRAME", "The old agent turns back each message");
  return { kind: "failure", text: `Command ${request.command} not supported`, hasOutput: false };
}

async function takeObject(
  channel: Channel,
  objects: ChannelObjects,
  output: AnswerOutput,
): Promise<LegacyObject> {
  const object = await readLegacyObject(objects.rest(), output);
  if (object === undefined) throw endedEarly(channel);
  return object;
}

function readRequest({ members }: LegacyObject): OldestRequest | undefined {
  if (!("command" in members)) return undefined;
  const message = readOldestMessage(members);
  return message.kind === "request" ? message : undefined;
}

async function splitFailure(text: string, { write }: AnswerOutput): Promise<LegacyAnswer> {
  const failure = createFailureText(write);
  await failure.push(new TextEncoder().encode(text));
  return { kind: "failure", text: failure.text, hasOutput: failure.hasOutput };
}
