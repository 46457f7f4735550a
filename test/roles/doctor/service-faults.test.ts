/** A service that cannot start: `doctor` says why, and which file of the unit says so. */
import { expect, test } from "bun:test";
import { judgeUnit } from "../../../src/roles/doctor/check-service.ts";
import { findServiceFault } from "../../../src/roles/doctor/check-program.ts";
import { readLastWords } from "../../../src/roles/doctor/last-words.ts";
import { changesOf } from "../../../src/roles/doctor/unit.ts";

const DROP_IN = "/etc/systemd/system/negotiator-host.service.d/override.conf";
const FAILING = {
  LoadState: "loaded",
  ActiveState: "activating",
  Result: "exit-code",
  UnitFileState: "enabled",
  NRestarts: "3",
  NeedDaemonReload: "no",
  DropInPaths: `/usr/lib/systemd/system/service.d/10-abort.conf ${DROP_IN}`,
};
const PLACE = { role: "host", name: "negotiator-host", runs: false } as const;

test("the error with which the daemon ended is the last one of its log", () => {
  const log = [
    "Starting negotiator-host.service - negotiator",
    "negotiator: Cannot use /etc/negotiator/negotiator.toml: an old error",
    "Starting negotiator-host.service - negotiator",
    'negotiator: Cannot listen at "/run/negotiator/host.sock": EROFS',
    "Look at the state: negotiator host status",
    "negotiator-host.service: Main process exited, code=exited, status=1/FAILURE",
  ];
  expect(readLastWords(log.join("\n"))).toBe('Cannot listen at "/run/negotiator/host.sock": EROFS');
});

test("a program that systemd could not start is named by what systemd says", () => {
  const log = [
    "negotiator-host.service: Failed to locate executable /opt/negotiator: No such file or directory",
    "negotiator-host.service: Failed at step EXEC spawning /opt/negotiator: No such file or directory",
    "negotiator-host.service: Main process exited, code=exited, status=203/EXEC",
  ];
  expect(readLastWords(log.join("\n"))).toBe(
    "Failed at step EXEC spawning /opt/negotiator: No such file or directory",
  );
  expect(readLastWords("negotiator-host.service: Main process exited")).toBeUndefined();
});

test.each(["activating", "failed"])("a unit that is %s is named with the reason and its drop-in", (state) => {
  const unit = { ...FAILING, ActiveState: state };
  const [found] = judgeUnit(unit, { ...PLACE, lastWords: "Cannot listen" });
  expect(found).toMatchObject({ level: "problem", text: expect.stringMatching(/: Cannot listen$/) });
  expect(found?.remedy).toBe(
    `Look at ${DROP_IN}, which changes the service: systemctl cat negotiator-host\n` +
      "Read its log: journalctl -u negotiator-host -n 20",
  );
});

test("drop-ins of a distribution are not changes by this administrator", () => {
  expect(changesOf(FAILING)).toEqual([DROP_IN]);
  expect(changesOf({})).toEqual([]);
});

test("a missing program that no install makes is corrected where the unit names it", () => {
  const missing = "/opt/not-there/negotiator";
  const file = "/etc/systemd/system/negotiator-host.service";
  expect(findServiceFault(missing, "host", { namedIn: [DROP_IN, file] })?.remedy).toBe(
    `Correct ExecStart= in ${DROP_IN} or ${file}\n` +
      "Then: systemctl daemon-reload; systemctl restart negotiator-host",
  );
  expect(findServiceFault(missing, "host", { namedIn: [] })?.remedy).toEndWith(": negotiator host install");
});
