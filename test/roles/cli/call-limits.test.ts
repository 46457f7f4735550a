/** The limits of a call from its options. */
import { expect, test } from "bun:test";
import {
  callLimits,
  checkSeconds,
  detachOption,
  readSeconds,
  relayTimeout,
} from "../../../src/roles/cli/call-limits.ts";
import { errorOf } from "../../support/error-of.ts";

function words(options: Readonly<Record<string, readonly string[]>>) {
  return { options: new Map(Object.entries(options)), positionals: [] };
}

test("a call has the last --timeout, else the default, and is patient with --connect-timeout", () => {
  const settings = { connectTimeoutSeconds: 5 };
  expect(callLimits(words({}), settings)).toEqual({ timeoutMs: 0, connectTimeoutMs: 5000, isPatient: false });
  expect(callLimits(words({}), settings, 10).timeoutMs).toBe(10_000);
  expect(callLimits(words({ timeout: ["1", "2.5"] }), settings, 10).timeoutMs).toBe(2500);
  expect(callLimits(words({ timeout: ["0"] }), settings, 10).timeoutMs).toBe(0);
  expect(callLimits(words({ "connect-timeout": ["5"] }), settings).isPatient).toBeTrue();
});

test("a daemon that passes a call on has its time, that to reach the peer, and two seconds more", () => {
  expect(relayTimeout({ timeoutMs: 10_000, connectTimeoutMs: 3000 })).toBe(15_000);
  expect(relayTimeout({ timeoutMs: 1, connectTimeoutMs: 0 })).toBe(2001);
  expect(relayTimeout({ timeoutMs: 0, connectTimeoutMs: 3000 })).toBe(0);
});

test("a call is detached with --detach or --detach-on-hangup, and kept for the last --keep", () => {
  expect(detachOption(words({}))).toEqual({});
  expect(detachOption(words({ detach: [] }))).toEqual({ detach: {} });
  expect(detachOption(words({ "detach-on-hangup": [], keep: ["1", "60"] }))).toEqual({
    detach: { keepMs: 60_000 },
  });
  expect(errorOf(() => detachOption(words({ keep: ["60"] })))).toMatchObject({
    code: "BAD_USAGE",
    message:
      "--keep needs a detached call: nothing of other calls is kept\n" +
      "Add --detach or --detach-on-hangup, or leave out --keep",
  });
});

test("seconds go from 0 to a year, and only --timeout has 0 for no limit", () => {
  expect([readSeconds("--keep", "0"), readSeconds("--keep", "31536000")]).toEqual([0, 31_536_000]);
  expect(errorOf(() => readSeconds("--keep", "31536001")).message).toBe(
    '--keep must be a number from 0 to 31536000; this is "31536001"\nWrite for example: --keep 60',
  );
  expect(errorOf(() => readSeconds("--timeout", "31536001")).message).toEndWith(
    "--timeout 60 (0 for no limit)",
  );
});

test.each(["", "-1", "1s", "x1", "1.", ".5", "1e3"])("%j is not a number of seconds", (text) => {
  expect(errorOf(() => readSeconds("--timeout", text)).message).toBe(
    `--timeout must be a number of seconds; this is "${text}"\nWrite for example: --timeout 60`,
  );
});

test.each(["timeout", "connect-timeout", "keep"])("each value of --%s is checked", (name) => {
  checkSeconds(words({ [name]: ["1", "2"] }));
  expect(errorOf(() => checkSeconds(words({ [name]: ["x", "2"] }))).message).toStartWith(`--${name} must be`);
  expect(errorOf(() => checkSeconds(words({ [name]: ["1", "x"] }))).message).toStartWith(`--${name} must be`);
});
