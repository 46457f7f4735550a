/** A guest's port of a foreign dialect while another program or nothing is there. */
import { expect, test } from "bun:test";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { createAnswerMemory } from "../../../src/peers/answer-memory.ts";
import { createDialectTable } from "../../../src/peers/dialect-table.ts";
import { createForeignPort } from "../../../src/roles/guest/foreign-port.ts";
import { findFirst } from "../../../src/roles/guest/port.ts";
import { MADE_UP } from "../../peers/made-up/made-up.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const PORT = "made-up.to-guest";

/** Holds the port of a guest whose devices are in `directory`, until it was looked for `attempts` times. */
async function holdFor(attempts: number, directory: string): Promise<void> {
  const port = createDialectTable([MADE_UP]).portUse(PORT);
  if (port === undefined) throw new Error("the table does not know the port");
  let looks = 0;
  const places = {
    get sysDirectory() {
      looks++;
      return `${directory}/sys`;
    },
    devDirectory: `${directory}/dev`,
  };
  const serve = { call: () => undefined, notice: () => undefined };
  const services = { limits: DEFAULT_LIMITS, answerMemory: createAnswerMemory(0) };
  const stop = new AbortController();
  const foreign = createForeignPort({
    dialect: MADE_UP,
    serve,
    services,
    find: () => findFirst([port], places),
  });
  const holding = foreign.hold(stop.signal);
  await until("the port was looked for", () => looks >= attempts);
  stop.abort();
  await holding;
  expect(foreign.incoming).toBe(0);
}

test("a foreign port that cannot be opened is tried again, and its problem is logged once", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("sys/vport0p1/name", `${PORT}\n`);
  await directory.write("dev/vport0p1", "a file is not a character device");
  const { stderr } = await spyOnOutput(() => holdFor(3, directory.path));
  expect(stderr.match(/made-up agent: /g)).toHaveLength(1);
});

test("a foreign port that the guest does not have is looked for again, without a log line", async () => {
  await using directory = await createTemporaryDirectory();
  const { stderr } = await spyOnOutput(() => holdFor(3, directory.path));
  expect(stderr).toBe("");
});
