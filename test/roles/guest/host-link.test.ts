/** The links of a guest's daemon: the ports that it holds. */
import { expect, test } from "bun:test";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { createAnswerMemory } from "../../../src/peers/answer-memory.ts";
import type { ForeignDialect } from "../../../src/peers/dialect.ts";
import { createDialectTable } from "../../../src/peers/dialect-table.ts";
import { createHostLink } from "../../../src/roles/guest/host-link.ts";
import { waitTurns } from "../../support/event-loop.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { MADE_UP } from "../../peers/made-up/made-up.ts";

/** The number of looks for the ports of a dialect without native ports. */
async function countLooks(dialect: ForeignDialect): Promise<number> {
  let looks = 0;
  const places = {
    get sysDirectory() {
      looks++;
      return "/nonexistent";
    },
    devDirectory: "/nonexistent",
  };
  const serve = { call: () => undefined, notice: () => undefined };
  const services = {
    serve: () => serve,
    offersRaw: true,
    limits: DEFAULT_LIMITS,
    answerMemory: createAnswerMemory(0),
  };
  const link = createHostLink(DEFAULTS, services, createDialectTable([dialect]), { places });
  const stop = new AbortController();
  await spyOnOutput(async () => {
    const holding = link.hold(stop.signal);
    await waitTurns(20);
    stop.abort();
    await holding;
  });
  return looks;
}

test("the port of a dialect that the peer can call in is held", async () => {
  expect(await countLooks(MADE_UP)).toBeGreaterThan(0);
});

test("the port of a dialect without a server is left to the agent that serves it", async () => {
  const entries = Object.entries(MADE_UP).filter(([name]) => name !== "createServer");
  // Only the optional member is left out.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const callingOnly = Object.fromEntries(entries) as ForeignDialect;
  expect(await countLooks(callingOnly)).toBe(0);
});
