/** Callers of one python-negotiator 0.1 that leave at any moment: each gets its own answer or none. */
import { expect, test } from "bun:test";
import { setTimeout as delay } from "node:timers/promises";
import { NegotiatorError } from "../../../src/errors.ts";
import { executeOn } from "../../../src/peers/remote-command.ts";
import { collect } from "../../support/collect.ts";
import { chooseSeed, createRandom } from "../../support/random.ts";
import type { Random } from "../../support/random.ts";
import { runOn } from "../legacy/legacy-calls.ts";
import { createOldestPeer, createOldestPort } from "./oldest-calls.ts";

const SCHEDULES = 400;
const AT_ONCE = 40;
const ENDS = ["right", "failed", "TIMEOUT", "CANCELLED", "CLOSED"];

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
  for (const end of ENDS) expect(counts[end]).toBeGreaterThan(20);
}, 180_000);

/** Plays a few callers of one agent. Returns the mistakes that it found. */
async function playSchedule(random: Random, counts: Record<string, number>): Promise<string[]> {
  const port = createOldestPort({
    work: () => (random.oneIn(2) ? Promise.resolve() : delay(random.below(12))),
  });
  const peer = createOldestPeer(port.dial);
  const wrong: string[] = [];
  const call = async (index: number, timeoutMs: number, cancelMs: number): Promise<void> => {
    const exit = random.oneIn(2) ? 0 : index + 1;
    const request =
      exit === 0 ? { command: "echo", args: [`call ${index}`] } : { command: "fail", args: [`${exit}`] };
    const remote = executeOn(peer, { ...request, hasInput: false, timeoutMs });
    const timer = setTimeout(() => remote.cancel("as the schedule wants"), cancelMs);
    const end = await remote.ended.catch((thrown: unknown) => NegotiatorError.from(thrown));
    clearTimeout(timer);
    const got = end instanceof NegotiatorError ? end.code : end.exitCode === 0 ? "right" : "failed";
    counts[got] = (counts[got] ?? 0) + 1;
    if (!ENDS.includes(got)) wrong.push(`call ${index} ended with ${got}`);
    if (end instanceof NegotiatorError) return;
    const text = (await collect(remote.stdout)).toString();
    if (end.exitCode !== exit || text !== (exit === 0 ? `call ${index}\n` : ""))
      wrong.push(`call ${index} got ${end.exitCode} and ${JSON.stringify(text)}`);
  };
  const pending: Promise<void>[] = [];
  for (let index = 0; index < 6; index++) {
    const calling = call(index, 1 + random.below(20), random.oneIn(3) ? random.below(10) : 60_000);
    pending.push(calling);
    if (random.oneIn(2)) await calling;
    if (random.oneIn(6)) port.cut();
  }
  await Promise.all(pending);
  const last = await runOn(peer, { command: "echo", args: ["last"], timeoutMs: 10_000 });
  if (last instanceof NegotiatorError || last.stdout !== "last\n")
    wrong.push(`the last call: ${JSON.stringify(last)}`);
  if (port.agent.death !== undefined) wrong.push(`the agent died: ${port.agent.death}`);
  return wrong;
}
