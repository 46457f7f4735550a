/**
 * The service files: on a machine that is host and guest, one service does not disturb the other. None of
 * them lets the environment change the daemon.
 */
import { describe, expect, test } from "bun:test";
import { chmod, mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { splitEnvironment } from "../src/config/runtime-variables.ts";
import { DEFAULTS } from "../src/config/settings.ts";
import { ROOT } from "./support/documents.ts";
import { runProcess } from "./support/program-run.ts";
import { createTemporaryDirectory } from "./support/temporary-directory.ts";
import { TEST_TIMEOUT_MS } from "./support/timeouts.ts";
import { until } from "./support/until.ts";

const ROLES = ["host", "guest"] as const;
const FILES = {
  systemd: (role: string) => `examples/systemd/negotiator-${role}.service`,
  OpenRC: (role: string) => `examples/openrc/negotiator-${role}`,
  supervisord: (role: string) => `examples/supervisor/negotiator-${role}.conf`,
  runit: (role: string) => `examples/runit/negotiator-${role}`,
  SysV: (role: string) => `examples/sysv/negotiator-${role}`,
};

const read = (path: string): Promise<string> => Bun.file(`${ROOT}/${path}`).text();

/** The directories that systemd makes at the start of a unit, with their parents, and removes at its end. */
async function runtimeDirectoriesOf(role: string): Promise<string[]> {
  const unit = await read(FILES.systemd(role));
  return [...unit.matchAll(/^RuntimeDirectory=(.*)$/gm)].flatMap(([, names = ""]) => names.split(" "));
}

describe("the systemd units", () => {
  test("have a runtime directory each, and neither is inside the other", async () => {
    const [host = [], guest = []] = await Promise.all(ROLES.map(runtimeDirectoriesOf));
    expect([host.length, guest.length]).toEqual([1, 1]);
    for (const one of host)
      for (const other of guest)
        expect(`${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`)).toBe(false);
  });

  test.each(ROLES)("stopping the %s's service leaves the control socket of the other", async (stopped) => {
    await using run = await createTemporaryDirectory();
    for (const role of ROLES) {
      for (const name of await runtimeDirectoriesOf(role)) await mkdir(run.at(name), { recursive: true });
      const socket = DEFAULTS[role].control.replace(/^\/run\//, "");
      expect(
        await Bun.file(run.at(dirname(socket)))
          .stat()
          .then((found) => found.isDirectory()),
      ).toBe(true);
      await run.write(socket, "");
    }
    for (const name of await runtimeDirectoriesOf(stopped)) await rm(run.at(name), { recursive: true });
    const other = stopped === "host" ? "guest" : "host";
    expect(await Bun.file(run.at(DEFAULTS[other].control.replace(/^\/run\//, ""))).exists()).toBe(true);
  });
});

test.each(["OpenRC", "supervisord"] as const)(
  "the files for %s remove nothing under /run",
  async (manager) => {
    for (const role of ROLES) {
      const text = await read(FILES[manager](role));
      expect(text).toContain(`${role} daemon`);
      expect(text).not.toMatch(/\brm\b|\brmdir\b|checkpath.*-D|\/run\//);
    }
  },
);

function unsetInShell(text: string): string[] {
  return [...text.matchAll(/^unset (.*)$/gm)].flatMap(([, names = ""]) => names.split(" "));
}

/** The variables that a file takes away from the daemon, in its own words. */
const UNSET: Record<keyof typeof FILES, (text: string) => string[]> = {
  systemd: (text) =>
    [...text.matchAll(/^UnsetEnvironment=(.*)$/gm)].flatMap(([, names = ""]) => names.split(" ")),
  OpenRC: unsetInShell,
  runit: unsetInShell,
  SysV: unsetInShell,
  supervisord: (text) => [...text.matchAll(/ -u (\S+)/g)].map(([, name = ""]) => name),
};

test("every service file unsets the same variables, and all of them change the program", async () => {
  const lists = new Set<string>();
  for (const [manager, unset] of Object.entries(UNSET)) {
    for (const role of ROLES) {
      const path = Object.entries(FILES).find(([name]) => name === manager)?.[1](role) ?? "";
      const names = unset(await read(path));
      const { removed } = splitEnvironment(Buffer.from(names.map((name) => `${name}=x\0`).join("")));
      expect({ path, removed }).toEqual({ path, removed: names });
      lists.add(names.join(" "));
    }
  }
  expect([...lists]).toEqual([expect.stringContaining("BUN_BE_BUN")]);
});

test.each(ROLES)("the systemd unit of the %s spares the daemon, and watches it", async (role) => {
  const unit = await read(FILES.systemd(role));
  const lines = ["NotifyAccess=main", "OOMPolicy=continue", "OOMScoreAdjust=-500", "Delegate=yes"];
  for (const line of lines) expect(unit).toContain(`\n${line}\n`);
  const [, seconds] = /^WatchdogSec=(\d+)$/m.exec(unit) ?? [];
  // A drain does not end the watch.
  expect(Number(seconds)).toBeGreaterThan(DEFAULTS.drainSeconds);
});

test.skipIf(process.getuid?.() !== 0)(
  "the SysV script starts and stops its daemon once, and status says so (needs root)",
  async () => {
    await using here = await createTemporaryDirectory();
    const text = await read(FILES.SysV("guest"));
    const pidFile = here.at("pid");
    const program = await here.write(
      "negotiator",
      '#!/bin/sh\nexec tail -f /dev/null guest daemon "$$" 2>/dev/null\n',
    );
    await chmod(program, 0o755);
    const script = await here.write(
      "script",
      text
        .replace("/usr/local/bin/negotiator", program)
        .replace("/run/negotiator-guest.pid", pidFile)
        .replace("/var/log/negotiator-guest.log", here.at("log")),
    );
    const run = (word: string) => runProcess(["/bin/sh", script, word]);
    expect(await run("status")).toMatchObject({ exitCode: 3, stdout: "negotiator-guest does not run\n" });
    expect(await run("start")).toMatchObject({ exitCode: 0, stderr: "" });
    const pid = (await Bun.file(pidFile).text()).trim();
    await until("the program runs", async () =>
      (await Bun.file(`/proc/${pid}/cmdline`).text()).includes("guest\0daemon"),
    );
    expect(await run("status")).toMatchObject({
      exitCode: 0,
      stdout: `negotiator-guest runs (process ${pid})\n`,
    });
    await run("start");
    expect((await Bun.file(pidFile).text()).trim()).toBe(pid);
    expect(await run("stop")).toMatchObject({ exitCode: 0 });
    expect(await run("status")).toMatchObject({ exitCode: 3 });
    expect(await run("dance")).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("usage: ") });
  },
  TEST_TIMEOUT_MS,
);
