/** Operations on files that take turns, some of which never end. */
import { expect, test } from "bun:test";
import { freezeDisk, thawDisk } from "../../src/frozen-disk.ts";
import { createFileTurns } from "../../src/process/file-turns.ts";
import { rejectionOf } from "../support/error-of.ts";
import { until } from "../support/until.ts";

const MOST_MS = 20;

test("operations run one at a time, and a failure of one does not matter to the next", async () => {
  const turns = createFileTurns("state");
  const steps: string[] = [];
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const first = turns.run(async () => {
    await opened;
    steps.push("first");
    throw new Error("full");
  });
  const second = turns.run(async () => steps.push("second"));
  steps.push("asked");
  open();
  expect(await first.catch((thrown: Error) => thrown.message)).toBe("full");
  expect(await second).toBe(3);
  expect(steps).toEqual(["asked", "first", "second"]);
});

test("one that hangs is given up with those behind it; later ones fail at once, until it ends", async () => {
  const turns = createFileTurns("state", MOST_MS);
  const { promise: hanging, resolve: end } = Promise.withResolvers<string>();
  const ran: string[] = [];
  const refused = await Promise.all([
    rejectionOf(turns.run(() => hanging)),
    rejectionOf(turns.run(async () => ran.push("behind"))),
  ]);
  expect(refused.map(({ code }) => code)).toEqual(["TIMEOUT", "TIMEOUT"]);
  void turns.clean(async () => ran.push("cleaned"));
  expect((await rejectionOf(turns.run(async () => ran.push("later")))).code).toBe("TIMEOUT");
  end("late");
  await until("the operation that cleans has run", () => ran.length > 0);
  expect(await turns.run(async () => ran.push("after"))).toBe(2);
  expect(ran).toEqual(["cleaned", "after"]);
});

test("an operation may wait for the thaw of file systems that this program has frozen", async () => {
  const turns = createFileTurns("state", MOST_MS);
  freezeDisk();
  try {
    expect(await turns.run(() => Bun.sleep(5 * MOST_MS).then(() => "done"))).toBe("done");
  } finally {
    thawDisk();
  }
});
