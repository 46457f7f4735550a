/** Options of the original's form without an action, and options that do not exist. */
import { expect, test } from "bun:test";
import { runGuest } from "../../../src/roles/guest/cli.ts";
import { runHost } from "../../../src/roles/host/cli.ts";
import { rejectionOf } from "../../support/error-of.ts";

const RUN = { host: runHost, guest: runGuest };
const ACTIONS = {
  host: "--execute, --daemon, --list-guests, --list-commands",
  guest: "--execute, --daemon, --list-commands",
};

test.each([
  ["guest", ["-c", "/dev/vport1p1"], "-c"],
  ["guest", ["--character-device=/dev/vport1p1"], "--character-device"],
  ["guest", ["-t", "5"], "-t"],
  ["guest", ["-v"], "-v"],
  ["host", ["-t", "5", "web1"], "-t"],
  ["host", ["--connect", "qemu:///system"], "--connect"],
] as const)("negotiator %s %j is refused, because %s is not an action", async (role, words, flag) => {
  const { code, message } = await rejectionOf(RUN[role](words));
  expect({ code, message }).toEqual({
    code: "BAD_USAGE",
    message:
      `missing action: ${flag} does nothing alone\n` +
      `Add one of: ${ACTIONS[role]}\nRead the help: negotiator ${role} --help`,
  });
});

test.each([
  ["guest", ["-z"], '"-z"'],
  ["guest", ["-c", "/dev/vport1p1", "--deamon"], '"--deamon"'],
  ["host", ["-g", "-x"], '"-x"'],
  ["host", ["--list-guest-names"], '"--list-guest-names"'],
] as const)("negotiator %s %j is refused, because there is no option %s", async (role, words, flag) => {
  const { code, message } = await rejectionOf(RUN[role](words));
  expect({ code, line: message.split("\n")[0] }).toEqual({
    code: "BAD_USAGE",
    line: `unknown option ${flag}`,
  });
});
