/** The service files: on a machine that is host and guest, one service does not disturb the other. */
import { describe, expect, test } from "bun:test";
import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { DEFAULTS } from "../src/config/settings.ts";
import { ROOT } from "./support/documents.ts";
import { createTemporaryDirectory } from "./support/temporary-directory.ts";

const ROLES = ["host", "guest"] as const;
const FILES = {
  systemd: (role: string) => `examples/systemd/negotiator-${role}.service`,
  OpenRC: (role: string) => `examples/openrc/negotiator-${role}`,
  supervisord: (role: string) => `examples/supervisor/negotiator-${role}.conf`,
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
