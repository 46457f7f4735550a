import { expect, test } from "bun:test";
import { askOwnChild } from "../../src/process/own-child.ts";

const ONE_SECOND = { timeoutMs: 1000, answerBytes: 100 };

test("the start of a child does not count as its answer", async () => {
  const argv = ["/bin/sh", "-c", "sleep 1.5; printf '\\n7\\n'"] as const;
  expect(await askOwnChild({}, { ...ONE_SECOND, argv })).toBe(7);
});

test("a child that has started and does not answer is ended", async () => {
  const argv = ["/bin/sh", "-c", "echo; exec sleep 1000"] as const;
  expect(askOwnChild({}, { timeoutMs: 1, answerBytes: 100, argv })).rejects.toMatchObject({
    code: "TIMEOUT",
    message: "Cannot ask a child of negotiator: it took longer than 1 ms",
  });
});

test("an answer in several pieces is put together", async () => {
  const argv = ["/bin/sh", "-c", `echo; printf '{"word":'; printf '"long"}'`] as const;
  expect(await askOwnChild({}, { timeoutMs: 10_000, answerBytes: 100, argv })).toEqual({ word: "long" });
});
