/** Built-in commands in a child: shared by all who ask, ended in time, and never two of one that hangs. */
import { expect, test } from "bun:test";
import { createBuiltinRunner } from "../../../src/methods/builtin/builtin-run.ts";
import type { ChildAnswer } from "../../../src/process/ask-program.ts";
import { rejectionOf } from "../../support/error-of.ts";

/** A runner whose children the test ends. */
function createScripted() {
  const asked: ((answer: ChildAnswer) => void)[] = [];
  const ask = (): Promise<ChildAnswer> => {
    const { promise, resolve } = Promise.withResolvers<ChildAnswer>();
    asked.push(resolve);
    return promise;
  };
  const asker = { ask, [Symbol.dispose]: () => undefined };
  return { asked, runner: createBuiltinRunner({ asker, timeoutMs: 7000 }).run };
}

const ended = Promise.resolve();
const printed = (stdout: string): ChildAnswer => ({ outcome: { exitCode: 0, stdout }, ended });

test("callers at the same time get the output of one child, and a later one that of another", async () => {
  const { asked, runner } = createScripted();
  const callers = [runner("find-disk-usage"), runner("find-disk-usage"), runner("find-disk-usage")];
  const other = runner("find-ip-addresses");
  expect(asked).toHaveLength(2);
  asked[0]?.(printed("disks\n"));
  asked[1]?.(printed("addresses\n"));
  expect(await Promise.all([...callers, other])).toEqual(["disks\n", "disks\n", "disks\n", "addresses\n"]);
  const later = runner("find-disk-usage");
  asked[2]?.(printed("new\n"));
  expect(await later).toBe("new\n");
});

test("a cancel ends the wait of one caller only", async () => {
  const { asked, runner } = createScripted();
  const control = new AbortController();
  const stays = runner("find-disk-usage");
  const goes = runner("find-disk-usage", control.signal);
  control.abort();
  expect(await rejectionOf(goes)).toMatchObject({ code: "CANCELLED" });
  asked[0]?.(printed("disks\n"));
  expect(await stays).toBe("disks\n");
});

test("a child that takes too long is TIMEOUT, and the next calls are BUSY until it is gone", async () => {
  const { asked, runner } = createScripted();
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  const first = runner("find-disk-usage");
  asked[0]?.({ outcome: "late", ended: gone });
  const late = await rejectionOf(first);
  expect(late.code).toBe("TIMEOUT");
  expect(late.message).toBe('Cannot run "find-disk-usage": it did not end within 7 s, a disk may not answer');
  expect(await rejectionOf(runner("find-disk-usage"))).toMatchObject({ code: "BUSY" });
  expect(asked).toHaveLength(1);
  resolve();
  await gone;
  await Promise.resolve();
  const next = runner("find-disk-usage");
  asked[1]?.(printed("disks\n"));
  expect(await next).toBe("disks\n");
});

test("a child that fails is INTERNAL", async () => {
  const { asked, runner } = createScripted();
  const failing = runner("find-disk-usage");
  asked[0]?.({ outcome: { exitCode: 1, stdout: "half" }, ended });
  expect(await rejectionOf(failing)).toMatchObject({ code: "INTERNAL" });
});
