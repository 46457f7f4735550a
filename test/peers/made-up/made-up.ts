/** A made-up dialect, defined as a real one. A record separator precedes each JSON object (RFC 7464). */
import { NegotiatorError } from "../../../src/errors.ts";
import { createCollectedCall } from "../../../src/peers/queued/collected-call.ts";
import type { ForeignServer, ServerLine, ServingDialect } from "../../../src/peers/dialect.ts";
import type { ObjectFramer } from "../../../src/peers/object-framer.ts";
import { createQueuedPeer } from "../../../src/peers/queued/queued-peer.ts";
import type { ExchangeStart } from "../../../src/peers/queued/queued-peer.ts";
import { createQueuedServer, wholeAnswer } from "../../../src/peers/queued/queued-server.ts";
import type { QueuedAnswer } from "../../../src/peers/queued/queued-server.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { parseJsonObject } from "../../../src/wire/json.ts";
import type { JsonObject } from "../../../src/wire/json.ts";

type Order = { run: readonly string[]; input: string };

export const MADE_UP: ServingDialect = {
  name: "made-up",
  label: "made-up agent",
  ports: [
    { name: "made-up.to-guest", dialler: "host", callers: "host" },
    { name: "made-up.to-host", dialler: "guest", callers: "guest" },
  ],
  can: { methods: ["execute"], notices: false, messages: false },
  recognises: (object) => "run" in object || "exit" in object,
  readHelloAnswer: () => undefined,
  createFramer,
  createServer,
  createPeer: (line) =>
    createQueuedPeer(
      { label: MADE_UP.label, can: MADE_UP.can, inputBytes: 1024, createRequest, exchange },
      line,
    ),
};

const SEPARATOR = 0x1e;

function encode(object: object): Uint8Array {
  return new TextEncoder().encode(`${String.fromCharCode(SEPARATOR)}${JSON.stringify(object)}\n`);
}

function createFramer(): ObjectFramer {
  let text = new Uint8Array(0);
  return {
    *push(bytes) {
      text = new Uint8Array(Buffer.concat([text, bytes]));
      for (let end = text.indexOf(0x0a); end !== -1; end = text.indexOf(0x0a)) {
        yield parse(text.subarray(1, end));
        text = text.slice(end + 1);
      }
    },
  };
}

function parse(bytes: Uint8Array): JsonObject | NegotiatorError {
  try {
    return parseJsonObject(bytes);
  } catch (thrown) {
    return NegotiatorError.from(thrown);
  }
}

function createRequest(_method: string, params: unknown, input: Uint8Array): Order {
  // `executeOn` makes these parameters.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { command, args } = params as { command: string; args: readonly string[] };
  return { run: [command, ...args], input: new TextDecoder().decode(input) };
}

async function exchange(channel: Channel, order: Order, { onSend, write }: ExchangeStart) {
  onSend();
  await channel.write(encode(order));
  const framer = createFramer();
  for await (const bytes of channel) {
    for (const object of framer.push(bytes)) {
      if (object instanceof NegotiatorError) throw object;
      const { exit, output } = object;
      const result = { exitCode: exit, signal: null, endedBy: "command", durationMs: 0 };
      await write(new TextEncoder().encode(String(output)));
      return { result };
    }
  }
  throw new NegotiatorError("CLOSED", "The channel ended before the answer");
}

function createServer(line: ServerLine): ForeignServer {
  return createQueuedServer<JsonObject>(line, {
    read: (object) => ("run" in object ? object : undefined),
    bytesOf: (order) => encode(order).length,
    answer: (order, signal) => answer(order, line, signal),
  });
}

async function answer(
  { run, input }: JsonObject,
  line: ServerLine,
  signal: AbortSignal,
): Promise<QueuedAnswer> {
  const [command, ...args] = Array.isArray(run) ? run.map(String) : [];
  const parts: Uint8Array[] = [];
  const { call, ended } = createCollectedCall({
    id: line.makeId(),
    method: "execute",
    params: { command, args },
    input: String(input),
    signal,
    take: (bytes) => void parts.push(bytes.slice()),
  });
  line.serve.call(call);
  const reply = await ended;
  const exit = "error" in reply ? 125 : Object(reply.result).exitCode;
  const output = "error" in reply ? reply.error.message : Buffer.concat(parts).toString();
  return wholeAnswer(encode({ exit, output }));
}
