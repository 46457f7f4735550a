import { expect, test } from "bun:test";
import { askOwnChild } from "../../src/process/own-child.ts";
import { rejectionOf } from "../support/error-of.ts";
import { withMoreTime } from "../support/more-time.ts";

test("the start of a child does not count as its answer", async () => {
  const answer = await withMoreTime(
    (timeoutMs) => {
      const argv = ["/bin/sh", "-c", `sleep ${(1.5 * timeoutMs) / 1000}; printf '\\n7\\n'`] as const;
      return askOwnChild({}, { timeoutMs, answerBytes: 100, argv }).catch((thrown: unknown) => thrown);
    },
    (outcome) => outcome === 7,
  );
  expect(answer).toBe(7);
});

test("a child that has started and does not answer is ended", async () => {
  const argv = ["/bin/sh", "-c", "echo; exec sleep 1000"] as const;
  const asked = askOwnChild({}, { timeoutMs: 1, answerBytes: 100, argv });
  expect(await rejectionOf(asked)).toMatchObject({
    code: "TIMEOUT",
    message: "Cannot ask a child of negotiator: it took longer than 1 ms",
  });
});

test("an answer in several pieces is put together", async () => {
  const argv = ["/bin/sh", "-c", `echo; printf '{"word":'; printf '"long"}'`] as const;
  expect(await askOwnChild({}, { timeoutMs: 10_000, answerBytes: 100, argv })).toEqual({ word: "long" });
});
