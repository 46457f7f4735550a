/** A daemon that gets a state of its version, and cannot go on with it, starts without it. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { PROGRAM } from "../../support/program.ts";
import { createStage } from "../../support/stage.ts";

const FIXTURE = join(import.meta.dir, "../../fixtures/with-state.ts");
const TIMEOUT_MS = 180_000;
const SAID = "Cannot go on with the state of the program before, so its calls end:";

/** As a program with a fault could write them. */
const STATES = [
  null,
  {
    services: { quota: 5, kept: [] },
    guests: [],
    host: 5,
    control: { fd: "x" },
  },
  {
    services: { quota: [], kept: { commands: [{}] } },
    guests: [{ name: "web1", links: [{}] }],
    host: { channel: 999 },
    control: { sessions: [{}] },
  },
];

test.each(["host", "guest"] as const)(
  "%s: a daemon with a broken state ends nothing but that state, says so, and serves",
  async (role) => {
    for (const state of STATES) {
      const program = [process.execPath, FIXTURE, role, JSON.stringify(state), ...PROGRAM];
      await using stage = await createStage({ withoutDaemons: true, programs: { [role]: program } });
      const sides = { host: stage.host, guest: stage.guest() };
      await Promise.all(Object.values(sides).map((side) => side.start()));
      const daemon = sides[role].daemon;
      if (state === null) expect(daemon.log()).toContain("The state of the program before cannot be read");
      else expect(daemon.log()).toContain(SAID);
      await stage.open();
      const call = await stage.host.run(["execute", "web1", "find-distributor-id"], {
        program: [...PROGRAM, "host"],
      });
      expect(call).toMatchObject({ exitCode: 0, stderr: "" });
    }
  },
  TIMEOUT_MS,
);
