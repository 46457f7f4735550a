/** The table of trials, and an old guest that speaks to a host. */
import { connect } from "node:net";
import { once } from "node:events";
import { expect, test } from "bun:test";
import { listenAsOldGuest } from "../../hostile/old-guest.ts";
import { CASE_NAMES } from "../../hostile/run-case.ts";
import { formatTrial, runTrial, TRIAL_NAMES } from "../../hostile/run-trial.ts";
import { TRIALS } from "../../hostile/trials.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

test("no trial has the name of a case, and each says what counts as success", () => {
  expect(TRIAL_NAMES.filter((name) => CASE_NAMES.includes(name))).toEqual([]);
  for (const { what, success } of Object.values(TRIALS)) expect([what, success]).not.toContain("");
});

test("an unknown trial is refused", async () => {
  const refusal = await runTrial("no-such", "/bin/true").catch((thrown: unknown) => String(thrown));
  expect(refusal).toContain('no trial is called "no-such"');
});

test.each([
  [true, "SUCCEEDED"],
  [false, "failed"],
])("the line of a trial that has succeeded: %p says %s", (hasSucceeded, verdict) => {
  const trial = { name: "x", what: "w", success: "s", seconds: 1, figures: "f", hasSucceeded };
  expect(formatTrial(trial)).toContain(` ${verdict} `);
});

test("an old guest gets the answers of its host in order, also in pieces", async () => {
  await using directory = await createTemporaryDirectory();
  await using guest = await listenAsOldGuest(directory.at("port"));
  const host = connect(directory.at("port"));
  await once(host, "connect");
  const answer = '{"result": "a", "success": true}';
  const first = guest.call("execute", "x");
  host.write(`${answer.length}\n${answer.slice(0, 5)}`);
  await new Promise(setImmediate);
  host.write(`${answer.slice(5)}2`);
  expect(await first).toEqual({ result: "a", success: true });
  const second = guest.call("list_commands");
  host.write('9\n{"success": false, "error":1}');
  expect(await second).toEqual({ success: false, error: 1 });
  host.destroy();
});
