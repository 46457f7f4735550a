/** The remedy for a user who may not use a socket of root and a group. */
import { expect, test } from "bun:test";
import { chmod, chown } from "node:fs/promises";
import { explainEntry } from "../../../src/channels/socket/socket-group.ts";
import { listenSocket } from "../../../src/channels/socket/socket-listener.ts";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { expectMessage } from "../../support/documents.ts";
import { PROGRAM } from "../../support/program.ts";
import { runProcess } from "../../support/program-run.ts";
import type { ProgramRun } from "../../support/program-run.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const IS_ROOT = process.getuid?.() === 0;
const GROUPS = "root:x:0:\nteam:x:4711:ann,bob\nbroken\n#other:x:1:\n";
const QUIET = { mode: 0o660, onChannel: () => undefined };

test.if(IS_ROOT)(
  "the remedy depends on the socket's group and mode, and on the groups in /etc/group",
  async () => {
    await using directory = await createTemporaryDirectory();
    const path = directory.at("host.sock");
    await using _ = await listenSocket(path, QUIET);
    const groups = await directory.write("group", GROUPS);
    const ask = (wanted: string): Promise<string> => explainEntry(path, wanted, groups);

    expect(await ask("other")).toBe(
      'Run as root, or make the group "other" and join it: ' +
        "groupadd other; usermod -aG other USER\n" +
        "Then restart the daemon and log in again",
    );
    expect(await ask("team")).toBe(
      'Run as root, or restart the daemon: the group "team" is newer than its socket',
    );
    await chown(path, 0, 4711);
    const join = 'Run as root, or join the group "team": usermod -aG team USER\nThen log in again';
    expect(await ask("team")).toBe(join);
    expect(await ask("other")).toBe(join);
    await chown(path, 0, 4712);
    expect(await ask("team")).toBe("Run as root, or as a member of group 4712, which may use it");
    await chmod(path, 0o600);
    expect(await ask("team")).toBe(`Run as root, or check the owner and mode: ls -l ${path}`);
    expect(await explainEntry(directory.at("none", "host.sock"), "team", groups)).toBe(
      `Run as root, or check the owner and mode: ls -ld ${directory.at("none")}`,
    );
  },
);

/**
 * Runs as root without the capability to ignore permissions (capabilities(7)), so no other user is needed.
 */
const POWERLESS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];

function run(...words: string[]): Promise<ProgramRun> {
  return runProcess([...POWERLESS, ...PROGRAM, ...words], { NEGOTIATOR_CONFIG: "/dev/null" });
}

test.if(IS_ROOT && Bun.which("setpriv") !== null)(
  "the error for a daemon's control socket names the group to join, that for a guest's socket does not",
  async () => {
    await using directory = await createTemporaryDirectory();
    const path = directory.at("control.sock");
    await using _ = await listenSocket(path, QUIET);
    await chown(path, 1, 1);
    const refused = `Cannot connect to "${path}": no permission`;
    expectMessage(refused.replace(path, DEFAULTS.host.control));
    for (const [role, subcommand, ...words] of [
      ["host", "status"],
      ["guest", "status"],
      ["host", "execute", "web1", "uptime"],
    ] as const) {
      const { exitCode, stderr } = await run(role, subcommand, "--control", path, ...words);
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain(`${refused}\n`);
      expect(stderr).toContain('or join the group "daemon": usermod -aG daemon USER');
    }
    const port = await run("host", "execute", "--socket", `web1=${path}`, "web1", "uptime");
    expect(port.stderr).toContain(`${refused}\n`);
    expect(port.stderr).toContain(`Run as root, or check the owner and mode: ls -l ${path}`);
    expect(port.stderr).not.toContain("join");
  },
);
