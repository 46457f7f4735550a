/** The log lines of a guest's link, and their limit. */
import { beforeAll, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { configureLog } from "../../../src/log.ts";
import { createLinkLog } from "../../../src/roles/host/link-log.ts";
import { createStage } from "../../support/stage.ts";
import { spyOnOutput } from "../../support/spied-output.ts";

beforeAll(() => configureLog({ level: "info", format: "text" }));

const failure = (message: string): NegotiatorError => new NegotiatorError("NO_CHANNEL", message);

/** Returns the lines that `run` logs, without their tag. */
async function linesOf(run: () => void): Promise<string[]> {
  const { stderr } = await spyOnOutput(run);
  return stderr
    .replaceAll(" guests:", "")
    .split("\n")
    .filter((line) => line !== "");
}

test("the first connection is logged, and the first one after each failure", async () => {
  const lines = await linesOf(() => {
    const log = createLinkLog("web1", () => 0);
    log.connected("negotiator 1.2.3");
    log.connected("negotiator 1.2.3");
    for (let round = 0; round < 2; round++) {
      log.failed(failure("no answer"));
      log.failed(failure("no answer"));
      log.connected("negotiator 1.2.4");
      log.connected("negotiator 1.2.4");
    }
  });
  const [first, warning, again] = [
    'INFO guest "web1": connected (negotiator 1.2.3)',
    'WARN guest "web1": no answer',
    'INFO guest "web1": connected (negotiator 1.2.4)',
  ];
  expect(lines).toEqual([first, warning, again, warning, again]);
});

test("a failed dial is logged only after dials have failed for five seconds", async () => {
  let nowMs = 0;
  const log = createLinkLog("web1", () => nowMs);
  const lines = await linesOf(() => {
    for (nowMs = 0; nowMs < 5000; nowMs += 500) log.unreachable(failure(`no socket ${nowMs}`));
    log.connected("negotiator 1.2.3");
    for (nowMs = 10_000; nowMs < 15_000; nowMs += 500) log.unreachable(failure("no socket"));
  });
  expect(lines).toEqual(['INFO guest "web1": connected (negotiator 1.2.3)']);
  expect(await linesOf(() => log.unreachable(failure("no socket")))).toEqual([
    'WARN guest "web1": no socket',
  ]);
});

test("a flapping guest gives at most 20 lines in ten minutes, and two more a minute later", async () => {
  let nowMs = 0;
  const log = createLinkLog("web1", () => nowMs);
  const flap = (): void => {
    for (let round = 0; round < 1000; round++) {
      log.failed(failure(`failure ${round}`));
      log.connected(`negotiator ${round}`);
    }
  };
  expect(await linesOf(flap)).toHaveLength(20);
  nowMs += 60_000;
  expect(await linesOf(flap)).toHaveLength(2);
});

test("the daemon logs the connection of a guest", async () => {
  await using stage = await createStage({ withoutDaemons: true });
  await stage.host.start();
  await stage.guest().start();
  await stage.host.daemon.says('INFO guests: guest "web1": connected (negotiator ');
}, 180_000);

test("a quota that a guest exceeds is logged once in ten minutes", async () => {
  let nowMs = 0;
  const lines = await linesOf(() => {
    const log = createLinkLog("web1", () => nowMs);
    log.exceeded("more than 2000 messages a second that need no answer");
    nowMs += 9 * 60_000;
    log.exceeded("more than 2000 messages a second that need no answer");
    nowMs += 2 * 60_000;
    log.exceeded("messages that need no answer and take more than 10 ms of each second");
  });
  expect(lines).toEqual([
    expect.stringContaining('guest "web1" is slowed down: it sends more than 2000 messages a second that'),
    expect.stringContaining('guest "web1" is slowed down: it sends messages that need no answer and take'),
  ]);
});
