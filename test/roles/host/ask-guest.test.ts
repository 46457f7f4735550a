/** The subcommands that ask a guest through the daemon: what they send, and what they print. */
import { expect, test } from "bun:test";
import { freezeGuest, showGuestInfo, shutGuestDown } from "../../../src/roles/host/ask-guest.ts";
import type { Invocation, Outcome } from "../../../src/roles/cli/subcommand.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { createQuickHost } from "../../support/quick-host.ts";
import type { LineOptions } from "../../support/quick-host.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { spyOnOutput } from "../../support/spied-output.ts";

const FACTS = {
  hostName: "web1.example",
  system: "Debian 13",
  kernel: "6.12",
  timeZone: "UTC+02:00",
  interfaces: [
    { name: "lo", addresses: [] },
    { name: "eth0", addresses: ["10.0.0.1", "fe80::1"] },
  ],
  users: [
    { name: "root", since: "2026-01-01" },
    { name: "ann", since: "" },
  ],
  fileSystems: [
    { path: "/", type: "ext4", device: "vda1", usedBytes: 1_250_000_000, totalBytes: 5_000_000_000 },
    { path: "/proc", type: "proc", device: "proc", usedBytes: 0, totalBytes: 0 },
    { path: "/a", type: "xfs", device: "vdb", usedBytes: 1 },
    { path: "/b", type: "xfs", device: "vdc", totalBytes: 1 },
  ],
  frozen: true,
};

type Run = (invocation: Invocation) => Promise<Outcome>;

/** Runs it on a host whose daemon answers these methods. */
async function runOn(run: Run, daemon: Record<string, unknown>, line: LineOptions = {}) {
  await using host = await createQuickHost({ daemon });
  const words = { positionals: ["web1"], settings: { connectTimeoutSeconds: 3 }, ...line };
  const ended = await spyOnOutput(() => run(host.line(words)));
  return { ...ended, asked: host.asked };
}

test("the daemon is asked about the guest that the words name, with the time to reach it", async () => {
  const { result, asked } = await runOn(showGuestInfo, { "guest-info": FACTS });
  expect(result).toEqual({ exitCode: 0 });
  const params = { guest: "web1", connectTimeoutMs: 3000 };
  expect(asked).toEqual([{ method: "guest-info", params }]);
});

test("the facts of a guest are one line each", async () => {
  const { stdout } = await runOn(showGuestInfo, { "guest-info": FACTS });
  expect(stdout.split("\n")).toEqual([
    "host name: web1.example",
    "system: Debian 13, kernel 6.12",
    "time zone: UTC+02:00",
    "address: 10.0.0.1, fe80::1 on eth0",
    "user: root, since 2026-01-01",
    "user: ann",
    "file system: /, ext4, 25 % of 5.0G used",
    "file system: /proc, proc",
    "file system: /a, xfs",
    "file system: /b, xfs",
    "file systems are frozen",
    "",
  ]);
});

test.each([
  [{ hostName: "a", frozen: false }, ["host name: a", ""]],
  [{ system: "Debian 13" }, ["system: Debian 13", ""]],
  [{ kernel: "6.12" }, ["system: kernel 6.12", ""]],
  [{ hostName: "", timeZone: "UTC" }, ["time zone: UTC", ""]],
  [{ hostName: "a\nb" }, ["host name: a\\nb", ""]],
])("facts that a guest does not tell have no line: %j", async (facts, lines) => {
  expect((await runOn(showGuestInfo, { "guest-info": facts })).stdout.split("\n")).toEqual(lines);
});

test("with --json the facts are one line of JSON", async () => {
  const { stdout } = await runOn(showGuestInfo, { "guest-info": FACTS }, { options: { json: [""] } });
  expect(JSON.parse(stdout)).toEqual(FACTS);
  expect(stdout.trimEnd()).not.toContain("\n");
});

test.each(["freeze", "thaw"] as const)("%s prints the number of file systems", async (word) => {
  const { result, stdout, asked } = await runOn((line) => freezeGuest(line, word), { [word]: { count: 3 } });
  expect({ result, stdout }).toEqual({ result: { exitCode: 0 }, stdout: "3\n" });
  expect(asked.map(({ method }) => method)).toEqual([word]);
});

test.each([
  [{}, "powerdown"],
  [{ mode: ["reboot"] }, "reboot"],
  [{ mode: ["halt", "reboot"] }, "halt"],
])("shutdown with the options %j asks for the mode %s, and prints nothing", async (options, mode) => {
  const { result, stdout, asked } = await runOn(shutGuestDown, { shutdown: {} }, { options });
  expect({ result, stdout }).toEqual({ result: { exitCode: 0 }, stdout: "" });
  expect(asked).toMatchObject([{ method: "shutdown", params: { guest: "web1", mode } }]);
});

test("an unknown mode is wrong usage, and the daemon is not asked", async () => {
  await using host = await createQuickHost({ daemon: { shutdown: {} } });
  const { code, message } = await rejectionOf(shutGuestDown(host.line({ options: { mode: ["off"] } })));
  expect(code).toBe("BAD_USAGE");
  expect(message).toBe('Cannot shut down in the mode "off"\nUse one of: powerdown, reboot, halt');
  expect(host.asked).toEqual([]);
});

test("shutdown fails with the error of the guest", async () => {
  const refused = new NegotiatorError("DENIED", "not by you");
  expect((await rejectionOf(runOn(shutGuestDown, { shutdown: refused }))).message).toContain("not by you");
});

test("without a daemon, the error says how to start it", async () => {
  await using host = await createQuickHost();
  const { code, message } = await rejectionOf(showGuestInfo(host.line({ positionals: ["web1"] })));
  expect(code).toBe("NO_CHANNEL");
  expect(message).toStartWith(`No daemon of negotiator listens at "${host.control}"\n`);
});
