/** Command lines without a daemon while libvirt does not answer. */
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { withMoreTime } from "../../support/more-time.ts";
import { launch } from "../../support/program.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const TIMEOUT_MS = 180_000;

test.each([
  ["without a URI", "", "virsh"],
  ["with a URI", 'connect = "qemu:///session"\n', "virsh --connect qemu:///session"],
])(
  "a call %s whose search for guests hangs ends at its connect timeout and names libvirt",
  async (_, setting, virsh) => {
    await using directory = await createTemporaryDirectory();
    await chmod(await directory.write("bin/virsh", "#!/bin/sh\nexec sleep 1000\n"), 0o755);
    const config = await directory.write(
      "negotiator.toml",
      `audit.file = "${directory.at("audit")}"\n` +
        `[host]\ncontrol = "${directory.at("host.sock")}"\nlibvirt = "yes"\nqemu = "no"\n${setting}`,
    );
    const env = { PATH: `${directory.at("bin")}:/usr/bin:/bin`, NEGOTIATOR_CONFIG: config };
    const ended = await withMoreTime(
      async (timeMs) => {
        const words = ["host", "execute", "--connect-timeout", `${timeMs / 100}`, "web1", "x"];
        await using call = launch(words, { env });
        return await call.ended();
      },
      // On a busy machine the time may be over before the search begins.
      ({ stderr }) => stderr.includes("the search"),
    );
    expect(ended).toMatchObject({
      exitCode: 125,
      stderr:
        "negotiator: Cannot find guests: the search did not end in time\n" +
        `See whether libvirt answers: ${virsh} list\nGive it more time: --connect-timeout SECONDS\n`,
    });
  },
  TIMEOUT_MS,
);
