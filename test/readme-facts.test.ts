/** The pages are right about messages, settings, policies, commands, paths, and service files. */
import { describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { COMMANDS } from "../scripts/demo-commands.ts";
import { TARGET_NAMES } from "../src/roles/install/targets.ts";
import { dialSocket } from "../src/channels/socket/socket.ts";
import { findPolicyFile, loadConfig } from "../src/config/config.ts";
import { explainMissing, explainRefusal } from "../src/discovery/ports/port-trouble.ts";
import { explainStart } from "../src/discovery/libvirt/virsh.ts";
import { NegotiatorError } from "../src/errors.ts";
import { resolveCommand } from "../src/methods/commands.ts";
import { readDescription } from "../src/methods/describe.ts";
import { decide, parsePolicy } from "../src/policy/policy.ts";
import { DIALECTS } from "../src/peers/dialects.ts";
import { readPolicy } from "../src/policy/policy-file.ts";
import { noDaemon } from "../src/roles/cli/control-client.ts";
import { explainNoAnswer as explainHostNoAnswer } from "../src/roles/guest/no-answer.ts";
import { noGuest } from "../src/roles/host/no-guest.ts";
import { explainNoAnswer as explainGuestNoAnswer, noCallingPort } from "../src/roles/host/no-answer.ts";
import { splitWords } from "../src/roles/cli/shell-words.ts";
import { DEFAULTS } from "../src/config/settings.ts";
import { judgeNow } from "../src/trust/path-trust.ts";
import {
  blocksOf,
  expectGoodUsage,
  expectMessage,
  firstColumnOf,
  PAGES,
  pageAt,
  ROOT,
  sectionOf,
} from "./support/documents.ts";
import { errorOf, rejectionOf } from "./support/error-of.ts";
import { createTemporaryDirectory } from "./support/temporary-directory.ts";

const [HOST_TO_GUEST = "", GUEST_TO_HOST = ""] = DIALECTS.portNames;

describe("docs/TROUBLESHOOTING.md has the message", () => {
  test("of a missing port", async () => {
    await using directory = await createTemporaryDirectory();
    await mkdir(directory.at("empty"));
    await directory.write("other/vport0p1/name", "org.qemu.guest_agent.0\n");
    const procDirectory = directory.at("empty");
    for (const [port, name] of [
      [HOST_TO_GUEST, "nowhere"],
      [HOST_TO_GUEST, "empty"],
      [HOST_TO_GUEST, "other"],
      [GUEST_TO_HOST, "empty"],
    ] as const) {
      expectMessage(await explainMissing(port, { sysDirectory: directory.at(name), procDirectory }));
    }
  });

  test("of a port that cannot be opened", async () => {
    await using directory = await createTemporaryDirectory();
    const port = { name: HOST_TO_GUEST, device: "/dev/vport0p1" };
    for (const code of ["EBUSY", "EACCES"]) {
      const thrown = Object.assign(new Error(code), { code });
      expectMessage(await explainRefusal(port, thrown, { procDirectory: directory.path }));
    }
  });

  test("of a side that does not answer", async () => {
    const silent = { peer: undefined, farewell: undefined, state: "idle" } as const;
    const known = { peer: { name: "n", version: "1", role: "guest" }, farewell: undefined };
    const endpoint = { path: "/run/vm/web1.sock", state: "running" } as const;
    expectMessage(explainGuestNoAnswer("web1", silent, endpoint));
    expectMessage(explainGuestNoAnswer("web1", silent, { ...endpoint, connected: false }));
    expectMessage(explainGuestNoAnswer("web1", silent, { ...endpoint, state: "paused" }));
    expectMessage(explainGuestNoAnswer("web1", silent, { ...endpoint, state: "saved" }));
    expectMessage(explainGuestNoAnswer("web1", known, endpoint));
    const farewell = "the guest's daemon stops";
    expectMessage(explainGuestNoAnswer("web1", { ...known, farewell }, endpoint));
    expectMessage(explainGuestNoAnswer("web1", known, { ...endpoint, connected: false }));
    const path = "/run/vm/web1.sock";
    expectMessage(explainGuestNoAnswer("web1", silent, endpoint, await rejectionOf(dialSocket(path))));
    expectMessage(noCallingPort("web1", HOST_TO_GUEST));
    expectMessage(explainHostNoAnswer());
  });

  test("of a missing guest, daemon, and virsh", () => {
    expectMessage(noGuest("web2", ["web1"]));
    expectMessage(noDaemon("host", DEFAULTS.host.control));
    expectMessage(explainStart(new NegotiatorError("NO_COMMAND", "no virsh")));
  });

  test("of a policy that is set and does not exist", () => {
    const environment = { NEGOTIATOR_POLICY_FILE: "/etc/negotiator/polcy.toml" };
    expectMessage(errorOf(() => readPolicy(findPolicyFile(loadConfig({ file: "/dev/null", environment })))));
  });

  test("of a command without its executable bit", async () => {
    await using directory = await createTemporaryDirectory();
    const path = await directory.write("check-process", "#!/bin/sh\n");
    await chmod(path, 0o644);
    const sources = { directories: [directory.path], builtins: [], uid: process.getuid?.() ?? 0 };
    expectMessage(await rejectionOf(resolveCommand("check-process", sources, () => true)));
  });
});

const TOML = PAGES.flatMap(({ path, text }) => blocksOf(text, "toml").map((block) => ({ path, block })));

describe("an example in a page", () => {
  test("that begins with `# negotiator.toml` is a valid config", async () => {
    await using directory = await createTemporaryDirectory();
    const blocks = TOML.filter(({ block }) => block.startsWith("# negotiator.toml\n"));
    expect(blocks.length).toBeGreaterThan(2);
    for (const { block } of blocks) {
      loadConfig({ file: await directory.write("negotiator.toml", block), environment: {} });
    }
  });

  test("of TOML names its file in the first line", () => {
    const unnamed = TOML.filter(({ block }) => !/^# [\w.-]+\.toml( |\n)/.test(block));
    expect(unnamed).toEqual([]);
  });

  test("of a host's policy decides as its rules read", () => {
    const ask = askOf("docs/POLICY.md", "policy.toml on a host");
    expect(ask("web1", "request-backup", "--full", "/srv/data")).toMatchObject({ allowed: true, rule: 2 });
    expect(ask("web1", "request-backup", "--full", "/etc")).toMatchObject({ allowed: false });
    expect(ask("web1", "find-ip-addresses")).toMatchObject({ allowed: true, rule: 3 });
    expect(ask("test-1", "find-ip-addresses")).toMatchObject({ allowed: false, rule: 1 });
  });

  test("of the README's policy has ten lines and decides as its rules read", () => {
    const ask = askOf("README.md", "policy.toml");
    expect(tomlOf("README.md", "policy.toml").trim().split("\n").filter(Boolean)).toHaveLength(9);
    expect(ask("web1", "request-backup", "--full", "/srv/data")).toMatchObject({ allowed: true, rule: 2 });
    expect(ask("test-1", "request-backup", "--full", "/srv/data")).toMatchObject({ allowed: false, rule: 1 });
    expect(ask("web1", "find-ip-addresses")).toMatchObject({ allowed: false, rule: "no-match" });
  });

  test("of a guest's policy allows one command and no built-in one", () => {
    const ask = askOf("docs/POLICY.md", "policy.toml in a guest");
    expect(ask(undefined, "check-process", "nginx")).toMatchObject({ allowed: true });
    expect(ask(undefined, "find-disk-usage")).toMatchObject({ allowed: false });
  });

  test("of a command is the demo's, and its description is read", async () => {
    expect(blocksOf(pageAt("README.md"), "text")).toContain(COMMANDS.guest["check-process"] ?? "");
    await using directory = await createTemporaryDirectory();
    const text = tomlOf("docs/COMMANDS.md", "check-process.toml");
    await directory.write("check-process.toml", text);
    await chmod(directory.at("check-process.toml"), 0o644);
    const path = directory.at("check-process");
    const description = judgeNow((eyes) => readDescription(path, process.getuid?.() ?? 0, eyes));
    expect(description).toMatchObject({ timeoutSeconds: 5, user: "nobody", stdin: false });
  });

  test("of plain text fits into 80 columns", () => {
    const blocks = PAGES.flatMap(({ text }) => blocksOf(text, "text"));
    expect(blocks.flatMap((block) => block.split("\n").filter((line) => line.length > 80))).toEqual([]);
  });
});

describe("the pages name", () => {
  test("the default paths, in docs/SETTINGS.md", () => {
    const { commandsDirectory, policyFile, audit, host, guest } = DEFAULTS;
    const paths = [...commandsDirectory, policyFile, audit.file, host.control, guest.control];
    for (const path of paths)
      expect(sectionOf(pageAt("docs/SETTINGS.md"), "Where things are")).toContain(`\`${path}\``);
  });

  test("every binary that is built, in docs/INSTALL.md", () => {
    const files = firstColumnOf(pageAt("docs/INSTALL.md"), "Choose the binary");
    expect(files.toSorted()).toEqual(TARGET_NAMES.map((name) => `negotiator-${name}`).toSorted());
  });

  test("every port, in docs/LIMITS.md", () => {
    expect(firstColumnOf(pageAt("docs/LIMITS.md"), "The ports")).toEqual([...DIALECTS.portNames]);
  });
});

test("every service file in examples/ starts the daemon of its role with valid words", async () => {
  const paths = (await readdir(join(ROOT, "examples"), { recursive: true })).filter((path) =>
    /\/negotiator-/.test(path),
  );
  expect(paths).toHaveLength(10);
  for (const path of paths) {
    const text = await Bun.file(join(ROOT, "examples", path)).text();
    const role = /negotiator-(host|guest)/.exec(path)?.[1] ?? "";
    const words =
      /^(?:ExecStart=|command=(?:\/usr\/bin\/env (?:-u \w+ )+)?)\/usr\/local\/bin\/negotiator (.*)$/m.exec(
        text,
      )?.[1];
    const own = words ?? /^command_args="(.*)"$/m.exec(text)?.[1] ?? wordsInShell(text);
    expect({ path, own }).toEqual({ path, own: `${role} daemon` });
    await expectGoodUsage(splitWords(own));
  }
});

/** The words of the line that starts the daemon in a script for runit or SysV. */
function wordsInShell(text: string): string {
  return /^\s*(?:exec \/usr\/local\/bin\/negotiator|"\$program") (\w+ daemon)\b/m.exec(text)?.[1] ?? "";
}

/** The block of TOML in a page that begins with this comment. */
function tomlOf(path: string, comment: string): string {
  const block = blocksOf(pageAt(path), "toml").find((candidate) => candidate.startsWith(`# ${comment}\n`));
  if (block === undefined) throw new Error(`${path} has no block of TOML "# ${comment}"`);
  return block;
}

/** Asks a policy of a page about a command of a guest, or of the host if `guest` is undefined. */
function askOf(path: string, comment: string) {
  const policy = parsePolicy(tomlOf(path, comment));
  return (guest: string | undefined, command: string, ...args: string[]) =>
    decide(policy, {
      caller: guest === undefined ? { via: "host" } : { via: "guest", name: guest },
      method: "execute",
      resource: { kind: "command", name: command, args },
    });
}
