/** One exchange with an old agent: each caller gets its own answer or none, and the agent survives. */
import { executeOn } from "../../../src/peers/remote-command.ts";
import { describe, expect, test } from "bun:test";
import { setTimeout as delay } from "node:timers/promises";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { exchange } from "../../../src/peers/legacy/exchange.ts";
import { createSyncProbe } from "../../../src/peers/legacy/sync-probe.ts";
import { describeAgent, makeId } from "../../../src/roles/identity.ts";
import { encodeLengthPrefixed } from "../../../src/wire/frames/length-prefixed.ts";
import { createOldPort } from "../../support/old-port.ts";
import { chooseSeed, createRandom } from "../../support/random.ts";
import type { Random } from "../../support/random.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { COMMANDS, createPeerOver, runOn } from "./legacy-calls.ts";

const SCHEDULES = 400;
const AT_ONCE = 40;
const ECHO = { method: "execute", args: ["echo", "mine"], kw: { capture: true } };

test(`each caller gets its own answer or none in ${SCHEDULES} random schedules`, async () => {
  const seed = chooseSeed();
  const random = createRandom(seed);
  const counts: Record<string, number> = {};
  for (let first = 0; first < SCHEDULES; first += AT_ONCE) {
    const seeds = Array.from({ length: AT_ONCE }, () => random.below(2 ** 31));
    const found = await Promise.all(seeds.map((own) => playSchedule(createRandom(own), counts)));
    expect({ seed, found: found.flat() }).toEqual({ seed, found: [] });
  }
  // Schedules without these ends would test nothing, so each end has to happen often.
  for (const end of ["right", "TIMEOUT", "CANCELLED", "CLOSED"]) expect(counts[end]).toBeGreaterThan(20);
}, 180_000);

/** Plays a few callers of one old agent. Returns the mistakes that it found. */
async function playSchedule(random: Random, counts: Record<string, number>): Promise<string[]> {
  const port = createOldPort({
    commands: COMMANDS,
    work: () => (random.oneIn(2) ? Promise.resolve() : delay(random.below(12))),
    keepsOutput: () => random.oneIn(2),
  });
  const peer = createPeerOver(port.dial);
  const wrong: string[] = [];
  const call = async (tag: string, timeoutMs: number, cancelMs: number): Promise<void> => {
    const remote = executeOn(peer, { command: "echo", args: [tag], hasInput: false, timeoutMs });
    const timer = setTimeout(() => remote.cancel("as the schedule wants"), cancelMs);
    const end = await remote.ended.catch((thrown: unknown) => NegotiatorError.from(thrown));
    clearTimeout(timer);
    const got = end instanceof NegotiatorError ? end.code : "right";
    if (!(end instanceof NegotiatorError)) {
      for await (const bytes of remote.stdout) {
        const text = Buffer.from(bytes).toString();
        if (text !== `${tag}\n`) wrong.push(`${tag} got ${JSON.stringify(text)}`);
      }
    } else if (!["TIMEOUT", "CANCELLED", "CLOSED"].includes(end.code)) wrong.push(`${tag}: ${end.message}`);
    counts[got] = (counts[got] ?? 0) + 1;
  };
  const pending: Promise<void>[] = [];
  for (let index = 0; index < 6; index++) {
    const calling = call(`call-${index}`, 1 + random.below(20), random.oneIn(3) ? random.below(10) : 60_000);
    pending.push(calling);
    if (random.oneIn(2)) await calling;
    if (random.oneIn(2)) port.cut();
  }
  await Promise.all(pending);
  const last = await runOn(peer, { command: "echo", args: ["last"] });
  if (last instanceof NegotiatorError || last.stdout !== "last\n")
    wrong.push(`the last call: ${JSON.stringify(last)}`);
  if (port.agent.death !== undefined) wrong.push(`the agent died: ${port.agent.death}`);
  return wrong;
}

const OPTIONS = { onSend: () => undefined, write: async () => undefined, limitBytes: 1024 };
const fail = (error: string): Uint8Array => encodeLengthPrefixed({ success: false, error });
const succeed = (result: unknown): Uint8Array => encodeLengthPrefixed({ result, success: true });

describe("one exchange", () => {
  /** Runs an exchange with an agent that sends `before`, refuses the hello, and answers the call. */
  const converse = async (before: readonly Uint8Array[], answer: Uint8Array, pieceBytes = Infinity) => {
    const pair = createMemoryPair({ capacityBytes: 1024 * 1024 });
    const [host, agent] = pair.ends;
    const probe = createSyncProbe(describeAgent("host"), makeId);
    const play = async (): Promise<void> => {
      let reply = Buffer.concat([...before, fail(`Method negotiate:${probe.nonce} not supported`)]);
      for await (const _ of agent) {
        await agent.write(reply);
        pair.deliver(1, Infinity, () => pieceBytes);
        reply = Buffer.from(answer);
      }
    };
    void play();
    const write = async (bytes: Uint8Array): Promise<void> => {
      await host.write(bytes);
      pair.deliver(0);
    };
    let output = "";
    const take = async (bytes: Uint8Array): Promise<void> => void (output += Buffer.from(bytes).toString());
    const answered = await exchange({ ...host, write }, probe, ECHO, { ...OPTIONS, write: take });
    return { answered, output };
  };

  const BEFORE: [string, Uint8Array[]][] = [
    ["nothing", []],
    ["a late answer", [succeed("another caller's")]],
    ["several late answers", [succeed("a"), fail("External command failed"), succeed(["c"])]],
    ["an older hello's refusal", [fail("Method negotiate:another-callers-nonce not supported")]],
    ["the torn end of an answer", [Buffer.from('nother caller\'s", "success": true}')]],
    ["the torn end of an answer with digits", [Buffer.from('ler 17", "success": true}')]],
    ["a torn end that looks like JSON", [Buffer.from('{"x": 1}, "success": true}')]],
    ["half a count and an answer", [Buffer.from("9\n"), succeed("a")]],
    ["garbage", [Uint8Array.from({ length: 300 }, (_, index) => index % 256)]],
  ];
  for (const [what, before] of BEFORE) {
    test(`${what} before the refusal is not taken for the call's answer`, async () => {
      for (const pieceBytes of [Infinity, 1, 7])
        expect(await converse(before, succeed("mine"), pieceBytes)).toEqual({
          answered: { kind: "text" },
          output: "mine\n",
        });
    });
  }

  test("an older answer torn at any byte does not hide the refusal that follows", async () => {
    const late = succeed('late 12 {"x": [3]}\n\\\u0000 4');
    for (let start = 0; start <= late.length; start++)
      expect(await converse([late.subarray(start)], fail("no"))).toEqual({
        answered: { kind: "failure", text: "no", hasOutput: false },
        output: "",
      });
  });

  test("four megabytes of invalid lines before the refusal reject with BAD_FRAME", async () => {
    const pair = createMemoryPair({ capacityBytes: 8 * 1024 * 1024 });
    const [host, agent] = pair.ends;
    pair.flow();
    await agent.write(new TextEncoder().encode("{rubbish}\n".repeat(400_000)));
    const conversation = exchange(host, createSyncProbe(describeAgent("host"), makeId), ECHO, OPTIONS);
    expect((await rejectionOf(conversation)).code).toBe("BAD_FRAME");
  });

  test("a channel that ends before the answer rejects with CLOSED", async () => {
    const pair = createMemoryPair();
    const probe = createSyncProbe(describeAgent("host"), makeId);
    const conversation = exchange(pair.ends[0], probe, ECHO, OPTIONS);
    pair.flow();
    await pair.ends[1].close();
    expect((await rejectionOf(conversation)).code).toBe("CLOSED");
  });

  test("a native answer to the probe resolves to undefined, and no request is sent", async () => {
    const answer = Buffer.from('\n{"jsonrpc":"2.0","id":"x","result":{}}\n');
    const pair = createMemoryPair();
    pair.flow();
    await pair.ends[1].write(answer);
    const probe = createSyncProbe(describeAgent("host"), makeId);
    let requests = 0;
    expect(
      await exchange(pair.ends[0], probe, ECHO, { ...OPTIONS, onSend: () => requests++ }),
    ).toBeUndefined();
    await pair.ends[0].close();
    let sentBytes = 0;
    for await (const bytes of pair.ends[1]) sentBytes += bytes.length;
    expect({ sentBytes, requests }).toEqual({ sentBytes: probe.bytes.length, requests: 0 });
  });
});
