/** A command that has ended, and whose output its caller has not read yet, keeps both over a replacement. */
import { describe, expect, test } from "bun:test";
import { dirname } from "node:path";
import { createStage } from "../../support/stage.ts";
import type { Side } from "../../support/stage.ts";

const TIMEOUT_MS = 180_000;

const DIRECTIONS: [Side["role"], Side["role"], string][] = [
  ["host", "guest", "execute web1"],
  ["guest", "host", "execute"],
];
/** The pipe and the window of the caller take the small ones. Its daemon keeps a part of the large ones. */
const SIZES = [60_000, 260_000, 340_000, 370_000];

describe.each(DIRECTIONS)("the %s calls the %s", (caller, runner, words) => {
  test.each(["caller", "runner", "both"])(
    "unread output and the exit code of an ended command survive the replacement of: %s",
    async (replaced) => {
      await using stage = await createStage();
      const sides = { host: stage.host, guest: stage.guest() };
      await sides[runner].command("many", `#!/bin/sh\nhead -c "$1" /dev/zero\nexit 3\n`);
      const go = stage.at("go");
      const reader = `while [ -d ${dirname(go)} ] && [ ! -e ${go} ]; do sleep 0.05; done; wc -c`;
      const calls = SIZES.map((size) =>
        sides[caller].shell(`"$@" ${words} many ${size} | { ${reader}; }; echo \${PIPESTATUS[0]}`),
      );
      // The commands have ended.
      await sides[runner].audit(SIZES.length);
      if (replaced !== "runner") await replace(sides[caller]);
      if (replaced !== "caller") await replace(sides[runner]);
      await Bun.write(go, "");
      expect((await Promise.all(calls)).map(({ stdout, stderr }) => ({ stdout, stderr }))).toEqual(
        SIZES.map((size) => ({ stdout: `${size}\n3\n`, stderr: "" })),
      );
    },
    TIMEOUT_MS,
  );
});

async function replace(side: Side): Promise<void> {
  expect(await side.run(["reexec"])).toMatchObject({ exitCode: 0, stderr: "" });
}
