/** What the host's daemon logs of a guest's link: the whole story, but bounded. */
import { beforeAll, expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { configureLog } from "../../../src/log.ts";
import { createLinkLog } from "../../../src/roles/host/link-log.ts";
import { createStage } from "../../support/stage.ts";
import { spyOnOutput } from "../../support/spied-output.ts";

beforeAll(() => configureLog({ level: "info", format: "text" }));

const trouble = (message: string): NegotiatorError => new NegotiatorError("NO_CHANNEL", message);

/** The lines that `run` logs, without their tag. */
async function linesOf(run: () => void): Promise<string[]> {
  const { stderr } = await spyOnOutput(run);
  return stderr
    .replaceAll(" guests:", "")
    .split("\n")
    .filter((line) => line !== "");
}

test("the first talk is told, and the first after each trouble", async () => {
  const lines = await linesOf(() => {
    const log = createLinkLog("web1", () => 0);
    log.talks("negotiator 1.2.3");
    log.talks("negotiator 1.2.3");
    for (let round = 0; round < 2; round++) {
      log.trouble(trouble("nobody there"));
      log.trouble(trouble("nobody there"));
      log.talks("negotiator 1.2.4");
      log.talks("negotiator 1.2.4");
    }
  });
  const [first, warning, again] = [
    'INFO guest "web1": talks (negotiator 1.2.3)',
    'WARN guest "web1": nobody there',
    'INFO guest "web1": talks (negotiator 1.2.4)',
  ];
  expect(lines).toEqual([first, warning, again, warning, again]);
});

test("a guest that comes and goes without end is not told of without end, and heard again later", async () => {
  let nowMs = 0;
  const log = createLinkLog("web1", () => nowMs);
  const comeAndGo = (): void => {
    for (let round = 0; round < 1000; round++) {
      log.trouble(trouble(`trouble ${round}`));
      log.talks(`negotiator ${round}`);
    }
  };
  expect(await linesOf(comeAndGo)).toHaveLength(20);
  nowMs += 60_000;
  expect(await linesOf(comeAndGo)).toHaveLength(2);
});

test("the daemon's log tells it of each guest", async () => {
  await using stage = await createStage({ isDark: true });
  await stage.host.start();
  await stage.guest().start();
  await stage.host.daemon.says('INFO guests: guest "web1": talks (negotiator ');
}, 60_000);
