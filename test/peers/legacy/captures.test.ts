/** Each recorded call of the original, once with our server and once with our client. */
import { executeOn, listCommandsOf } from "../../../src/peers/remote-command.ts";
import { describe, expect, test } from "bun:test";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { createLink } from "../../../src/peers/link.ts";
import type { Peer } from "../../../src/peers/peer.ts";
import { createForeignServers } from "../../../src/peers/foreign-servers.ts";
import { LEGACY } from "../../../src/peers/legacy/legacy.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { encodeLengthPrefixed } from "../../../src/wire/frames/length-prefixed.ts";
import { describeAgent, makeId } from "../../../src/roles/identity.ts";
import { collect } from "../../support/collect.ts";
import { bodyOf, readCapturedCalls } from "./captured-calls.ts";
import type { CapturedCall } from "./captured-calls.ts";
import { DIFFERENCES, expectedOutcome, RECORDED_NAMES, serveRecorded } from "./recorded-commands.ts";

const CALLS = readCapturedCalls();

test("42 captured calls exist, and each listed difference names one of them", () => {
  expect(CALLS).toHaveLength(42);
  const names = CALLS.map(shortName);
  for (const name of Object.keys(DIFFERENCES)) expect(names).toContain(name);
});

describe("our server", () => {
  for (const call of CALLS) {
    const difference = DIFFERENCES[shortName(call)];
    const title =
      difference === undefined ? "gives the recorded bytes" : `gives other bytes: ${difference.why}`;
    test(`our server's answer to ${call.name} ${title}`, async () => {
      const reply = await answerOf(call.request);
      if (difference === undefined) expect(reply).toBe(recordedReply(call));
      else {
        expect(reply).toBe(frame(difference.answer));
        expect(reply).not.toBe(call.reply ?? "");
      }
    });
  }

  test("requests that arrive byte by byte get the same answers", async () => {
    for (const call of CALLS.filter(({ request }) => request.length < 100)) {
      expect(await answerOf(call.request, 1)).toBe(await answerOf(call.request));
    }
  });
});

describe("our client", () => {
  // The original sends a call without a command, and our command line refuses that.
  const possible = CALLS.filter(({ method, args }) => method !== "execute" || args.length > 0);

  for (const call of possible) {
    test(`our client sends the recorded bytes of ${call.name}, and reads the outcome`, async () => {
      await using old = recordedPeer(call);
      const [name = "", ...args] = call.args;
      if (call.method === "list_commands") {
        expect((await listCommandsOf(old.peer, { timeoutMs: 0 })).map((command) => command.name)).toEqual(
          RECORDED_NAMES,
        );
      } else if (call.reply === undefined && call.late === "") {
        expect(await outcomeOf(old.peer, name, args, 30)).toBe("TIMEOUT");
      } else {
        expect(await outcomeOf(old.peer, name, args, 0)).toEqual(expectedOutcome(name, args));
      }
      expect(old.received()).toBe(call.request);
    });
  }
});

function shortName({ name }: CapturedCall): string {
  return name.slice(name.indexOf("/") + 1);
}

function frame(answer: unknown): string {
  const isFailure = typeof answer === "object" && answer !== null && "error" in answer;
  const object = isFailure ? { success: false, ...answer } : { result: answer, success: true };
  return new TextDecoder().decode(encodeLengthPrefixed(object));
}

/** The recorded reply. Two recorded clients did not get theirs, so it is made up here. */
function recordedReply({ reply, args, name }: CapturedCall): string {
  if (reply !== undefined) return reply;
  if (name.includes("41-h2g-timeout")) return frame("slept 3");
  return frame(`1 ['${args[1]}']`);
}

/** Our server's answer to `request`, which is sent in pieces of `pieceBytes`. */
async function answerOf(request: string, pieceBytes = Infinity): Promise<string> {
  const pair = createMemoryPair({ capacityBytes: 4 * 1024 * 1024 });
  const link = createLink({
    side: "listener",
    agent: describeAgent("guest"),
    makeId,
    onCall: serveRecorded,
    createForeign: (session) =>
      createForeignServers(session, {
        side: "listener",
        dialects: [LEGACY],
        serve: { call: serveRecorded, notice: () => undefined },
        makeId,
        limits: DEFAULT_LIMITS,
        onRefused: () => undefined,
      }),
  });
  const running = link.run(pair.ends[1]);
  await pair.ends[0].write(Buffer.from(request));
  pair.deliver(0, Infinity, () => pieceBytes);
  pair.flow();
  let text = "";
  for await (const bytes of pair.ends[0]) {
    text += Buffer.from(bytes).toString();
    const count = Number.parseInt(text, 10);
    if (text.includes("\n") && Buffer.byteLength(bodyOf(text)) >= count) break;
  }
  await pair.ends[0].close();
  await running;
  return text;
}

type RecordedPeer = AsyncDisposable & { peer: Peer; received: () => string };

/** An old agent that refuses the hello, and then answers as recorded. */
function recordedPeer(call: CapturedCall): RecordedPeer {
  const pair = createMemoryPair({ capacityBytes: 4 * 1024 * 1024 });
  pair.flow();
  const [ours, theirs] = pair.ends;
  let received = "";
  const play = async (): Promise<void> => {
    let isGreeted = false;
    if (call.late !== "") await theirs.write(Buffer.from(call.late));
    for await (const bytes of theirs) {
      received += Buffer.from(bytes).toString();
      if (isGreeted) {
        if (received.length === call.request.length && (call.reply !== undefined || call.late !== ""))
          await theirs.write(Buffer.from(recordedReply(call)));
        continue;
      }
      const { method }: { method: string } = JSON.parse(bodyOf(received));
      received = "";
      isGreeted = true;
      await theirs.write(encodeLengthPrefixed({ success: false, error: `Method ${method} not supported` }));
    }
  };
  void play();
  const peer = LEGACY.createPeer({
    agent: describeAgent("host"),
    makeId,
    limits: DEFAULT_LIMITS,
    dial: () => Promise.resolve(ours),
    upgradedPeer: () => Promise.reject(new Error("no agent is upgraded here")),
    isUpgraded: () => false,
    life: new AbortController().signal,
  });
  return { peer, received: () => received, [Symbol.asyncDispose]: () => theirs.close() };
}

/** The end of a command without input, or the code of its error. */
async function outcomeOf(
  peer: Peer,
  command: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<unknown> {
  const remote = executeOn(peer, { command, args, hasInput: false, timeoutMs });
  try {
    const [stdout, { exitCode, signal }] = await Promise.all([collect(remote.stdout), remote.ended]);
    return { stdout: stdout.toString(), exitCode, signal };
  } catch (thrown) {
    return NegotiatorError.from(thrown).code;
  }
}
