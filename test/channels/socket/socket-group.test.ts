/** What somebody is told who may not use a socket that is for root and a group. */
import { expect, test } from "bun:test";
import { chmod, chown } from "node:fs/promises";
import { explainEntry, findGroup } from "../../../src/channels/socket/socket-group.ts";
import { listenSocket } from "../../../src/channels/socket/socket.ts";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { expectMessage } from "../../support/documents.ts";
import { MAIN, runProcess } from "../../support/source-run.ts";
import type { SourceRun } from "../../support/source-run.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const IS_ROOT = process.getuid?.() === 0;
const GROUPS = "root:x:0:\nteam:x:4711:ann,bob\nbroken\n#other:x:1:\n";
const QUIET = { mode: 0o660, onChannel: () => undefined };

test("a group is found by its name", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("group", GROUPS);
  expect(await findGroup("team", file)).toBe(4711);
  for (const name of ["tea", "broken", "", "4711"]) expect(await findGroup(name, file)).toBeUndefined();
  expect(await findGroup("team", directory.at("absent"))).toBeUndefined();
});

test.if(IS_ROOT)(
  "the remedy follows the socket's group and mode, and the groups that there are",
  async () => {
    await using directory = await createTemporaryDirectory();
    const path = directory.at("host.sock");
    await using _ = await listenSocket(path, QUIET);
    const groups = await directory.write("group", GROUPS);
    const ask = (wanted: string): Promise<string> => explainEntry(path, wanted, groups);

    expect(await ask("other")).toBe(
      'Run as root, or make the group "other" and join it: groupadd --system other; usermod -aG other USER. ' +
        "Then start the daemon anew, and log in anew",
    );
    expect(await ask("team")).toBe(
      'Run as root, or start the daemon anew: the group "team" was made after its start. ' +
        "Who is in it may use the socket then",
    );
    await chown(path, 0, 4711);
    const join =
      'Run as root, or join the group "team", which may use it: usermod -aG team USER. Then log in anew';
    expect(await ask("team")).toBe(join);
    expect(await ask("other")).toBe(join);
    await chown(path, 0, 4712);
    expect(await ask("team")).toBe("Run as root, or as a member of group 4712, which may use it");
    await chmod(path, 0o600);
    expect(await ask("team")).toBe(`Run as root, or look at: ls -l ${path}`);
    expect(await explainEntry(directory.at("none", "host.sock"), "team", groups)).toBe(
      `Run as root, or look at: ls -ld ${directory.at("none")}`,
    );
  },
);

/** Root without the capability that lets root pass all permissions (capabilities(7)), so that any machine has such a user. */
const POWERLESS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];

function run(...words: string[]): Promise<SourceRun> {
  return runProcess([...POWERLESS, process.execPath, MAIN, ...words], { NEGOTIATOR_CONFIG: "/dev/null" });
}

test.if(IS_ROOT && Bun.which("setpriv") !== null)(
  "who may not use a daemon's control socket is told of its group, who may not use a port is not",
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
      expect(stderr).toContain('or join the group "daemon", which may use it: usermod -aG daemon USER');
    }
    const port = await run("host", "execute", "--socket", `web1=${path}`, "web1", "uptime");
    expect(port.stderr).toContain(`${refused}\n`);
    expect(port.stderr).toContain(`Run as root, or look at: ls -l ${path}`);
    expect(port.stderr).not.toContain("join");
  },
);
