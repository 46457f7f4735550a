/** A channel that passes single requests to a guest agent whose socket another program holds. */
import { expect, test } from "bun:test";
import { createAgentChannel } from "../../src/channels/agent-channel.ts";
import { closedError } from "../../src/channels/failure.ts";
import type { Channel } from "../../src/wire/channel.ts";
import { rejectionOf } from "../support/error-of.ts";

/** A channel that answers each request with its number, and the requests so far. */
function open(): { channel: Channel; requests: string[]; signals: AbortSignal[] } {
  const requests: string[] = [];
  const signals: AbortSignal[] = [];
  const channel = createAgentChannel({
    label: "agent of web1",
    ask(request, signal) {
      requests.push(request);
      signals.push(signal);
      return Promise.resolve(`{"return":${requests.length}}`);
    },
  });
  return { channel, requests, signals };
}

/** A request as bytes, after the byte 0xFF if `isReset`. */
function lineOf(text: string, isReset = false): Uint8Array {
  return Buffer.from(`${isReset ? "\xff" : ""}${text}`, "latin1");
}

/** Takes the next `count` pieces. */
async function take(channel: Channel, count: number): Promise<string[]> {
  const pieces: string[] = [];
  for await (const piece of channel) {
    pieces.push(Buffer.from(piece).toString("latin1"));
    if (pieces.length === count) break;
  }
  return pieces;
}

test("each line of a write is one request, and each answer is one line", async () => {
  const { channel, requests } = open();
  await channel.write(lineOf('{"execute":"a"}\n{"execute":"b","arguments":{"id":5}}\n'));
  expect(requests).toEqual(['{"execute":"a"}', '{"execute":"b","arguments":{"id":5}}']);
  expect(await take(channel, 2)).toEqual(['{"return":1}\n', '{"return":2}\n']);
  expect(channel.label).toBe("agent of web1");
});

test("a request to synchronise is answered with its id after the byte 0xFF, and not passed on", async () => {
  const { channel, requests } = open();
  await channel.write(lineOf('{"execute":"guest-sync-delimited","arguments":{"id":77}}\n', true));
  expect(await take(channel, 1)).toEqual(['\xff{"return":77}\n']);
  expect(requests).toEqual([]);
  await channel.write(lineOf('{"execute":"guest-ping"}\n', true));
  expect(await take(channel, 1)).toEqual(['{"return":1}\n']);
  expect(requests).toEqual(['{"execute":"guest-ping"}']);
});

test("an answer wakes a reader that waits, and a close ends it", async () => {
  const { channel } = open();
  const first = take(channel, 1);
  await channel.write(lineOf('{"execute":"a"}\n'));
  expect(await first).toEqual(['{"return":1}\n']);
  const rest = take(channel, 1);
  await channel[Symbol.asyncDispose]();
  expect(await rest).toEqual([]);
});

test("a write after the close is CLOSED, and a request under way is given up", async () => {
  const { channel, signals, requests } = open();
  await channel.write(lineOf('{"execute":"a"}\n'));
  expect(signals[0]?.aborted).toBe(false);
  await channel.close();
  expect(signals[0]?.reason).toMatchObject({ code: "CLOSED" });
  expect(await rejectionOf(channel.write(lineOf('{"execute":"b"}\n')))).toMatchObject({
    code: "CLOSED",
    message: 'Cannot write to "agent of web1": the channel is closed',
  });
  expect(requests).toHaveLength(1);
  expect(await take(channel, 1)).toEqual([]);
});

test("a request without an end is INTERNAL, and an empty write asks nothing", async () => {
  const { channel, requests } = open();
  expect((await rejectionOf(channel.write(lineOf('{"execute":"a"}\n{"exec')))).code).toBe("INTERNAL");
  expect(requests).toEqual(['{"execute":"a"}']);
  await channel.write(new Uint8Array(0));
  expect(requests).toHaveLength(1);
});

test("a request that fails makes its write fail, and the next one goes on", async () => {
  let count = 0;
  const channel = createAgentChannel({
    label: "agent",
    ask: () => (count++ === 0 ? Promise.reject(closedError("lost")) : Promise.resolve("{}")),
  });
  expect((await rejectionOf(channel.write(lineOf('{"execute":"a"}\n')))).message).toContain('"lost"');
  await channel.write(lineOf('{"execute":"b"}\n'));
  expect(await take(channel, 1)).toEqual(["{}\n"]);
});
