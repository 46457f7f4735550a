/** The run of one check: its time, its findings, and what an error of it says. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { defineCheck, runCheck } from "../../../src/roles/doctor/check.ts";
import type { Check, Examination } from "../../../src/roles/doctor/check.ts";
import { ok } from "../../../src/roles/doctor/finding.ts";

/** The checks of this file look at nothing of it. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const EXAMINATION = { role: "host", isRoot: false } as Examination;

function run(check: Omit<Check, "name">): ReturnType<typeof runCheck> {
  return runCheck({ name: "c", ...check }, EXAMINATION);
}

test("a check gets what its look found, the role and the rights; its findings have its name", async () => {
  const check = defineCheck<number>({
    name: "c",
    look: () => Promise.resolve(7),
    judge: (facts, { role, isRoot }) => [ok(`${facts} ${role} ${isRoot}`)],
  });
  expect(await runCheck(check, EXAMINATION)).toEqual({
    findings: [{ check: "c", level: "ok", text: "7 host false" }],
    hasEnded: true,
  });
});

test("a check that does not end is unknown after its time, and its signal aborts then", async () => {
  const seen: AbortSignal[] = [];
  const hanging = run({
    timeoutMs: 1,
    run: ({ signal }) => {
      expect(signal.aborted).toBe(false);
      seen.push(signal);
      return new Promise(() => {});
    },
  });
  const { findings, hasEnded } = await hanging;
  expect(hasEnded).toBe(false);
  expect(findings).toMatchObject([
    { check: "c", level: "unknown", text: "the check did not end within 0.001 s" },
  ]);
  expect(findings[0]?.remedy).toStartWith("See what hangs");
  expect(seen[0]?.aborted).toBe(true);
});

test("a check that fails is unknown, and the later lines of its error are the remedy", async () => {
  const error = new NegotiatorError("BAD_CONFIG", "Broken", { remedy: "Mend\nLook" });
  expect(await run({ run: () => Promise.reject(error) })).toEqual({
    findings: [{ check: "c", level: "unknown", text: "Broken", remedy: "Mend\nLook" }],
    hasEnded: true,
  });
  const bare = await run({ run: () => Promise.reject(new NegotiatorError("BAD_CONFIG", "Broken")) });
  expect(bare.findings).toEqual([{ check: "c", level: "unknown", text: "Broken" }]);
});
