/** Every line of shell in the pages: run on a stage, or at least read. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import type { Side } from "../scripts/demo-commands.ts";
import type { Finished } from "../scripts/demo-processes.ts";
import { openStage } from "../scripts/demo-stage.ts";
import type { Stage } from "../scripts/demo-stage.ts";
import { DEFAULTS } from "../src/config/settings.ts";
import { decide, parsePolicy } from "../src/policy/policy.ts";
import { splitWords } from "../src/roles/cli/shell-words.ts";
import { hostBinary } from "./support/binary.ts";
import { expectGoodUsage, expectMessage, PAGES, ROOT, shellLinesOf } from "./support/documents.ts";
import { TEST_TIMEOUT_MS } from "./support/timeouts.ts";
import { until } from "./support/until.ts";

/** Lines that run on the demo's stage, and their exit code and output. */
const RUN: Readonly<Record<string, { exitCode?: number; shows: RegExp }>> = {
  "negotiator --version": { shows: /^negotiator \d/ },
  "negotiator host list-guests": { shows: /^web1$/ },
  "negotiator host list-commands web1": { shows: /^check-process$/m },
  "negotiator host execute web1 find-ip-addresses": { shows: /^\d+\.\d+\.\d+\.\d+\/\d+$/m },
  "negotiator guest list-commands": { shows: /^request-backup$/m },
  "negotiator guest execute find-distributor-id": { shows: /^\S+/ },
  "negotiator host execute web1 check-process backup-agent": {
    exitCode: 3,
    shows: /^backup-agent does not run$/m,
  },
  "printf 'pear\\nfig\\napple\\n' | negotiator host execute web1 sort-lines": { shows: /^apple\nfig\npear$/ },
  "negotiator host check-policy web1 request-backup --full /srv/data": { shows: /^allowed/m },
  "negotiator guest check-policy check-process nginx": { shows: /^rule 2 \(allow\): matches\nallowed$/m },
  "negotiator host check-commands": { shows: /^request-backup +as \S+ +\/.*\/request-backup$/m },
  "negotiator guest check-commands": { shows: /^check-process +as \S+ +\/.*\/check-process$/m },
  "negotiator host check-config": { shows: /^policy: .* is right$/m },
  "negotiator host reexec || true": { shows: /is now negotiator /m },
  "negotiator host reexec": { shows: /^The host's daemon is now negotiator /m },
  "negotiator guest reexec": { shows: /^The guest's daemon is now negotiator /m },
  "negotiator host reload": { shows: /^The host's daemon uses the config and the policy as they are now$/m },
  "negotiator guest check-config": { shows: /^policy: .* is right$/m },
  "negotiator guest reload": {
    shows: /^The guest's daemon uses the config and the policy as they are now$/m,
  },
  "negotiator host print-config": { shows: /^host\.control = /m },
  "negotiator guest print-config --json": { shows: /"guest\.control":/ },
  "negotiator host --help": { shows: /^Subcommands:$/m },
  "negotiator host execute --help": { shows: /^ {2}-t, --timeout SECONDS/m },
  "negotiator host execute --timeout 60 web1 kernel-release": { shows: /^Linux / },
  "negotiator host status --json": { shows: /"state":"open"/ },
  "negotiator-host --list-guests": { shows: /^web1$/ },
  "negotiator-host --list-commands web1": { shows: /^check-process$/m },
  "negotiator-host -t 60 -e 'check-process \"backup agent\"' web1": {
    exitCode: 3,
    shows: /^backup agent does not run$/m,
  },
  "negotiator-guest --list-commands": { shows: /^request-backup$/m },
  "negotiator-guest --execute='request-backup --full /srv'": { shows: /^queued for web1: --full \/srv$/ },
  "negotiator host execute --all find-disk-usage": { shows: /^web1: \S+ \/ \d+ \d+$/m },
  "negotiator host execute --guests 'web*' --parallel 4 --fail-fast kernel-release": {
    shows: /^web1: Linux /m,
  },
  "negotiator host status": { shows: /^web1: open/ },
  "negotiator guest status": { shows: /^host: open/ },
  "negotiator host execute web1 find-distributor-id": { shows: /^\S+/ },
  "negotiator guest check-policy wipe-disk": { exitCode: 1, shows: /^rule 1 \(deny\): matches\ndenied/m },
  "id=$(negotiator host execute --detach web1 kernel-release)": { shows: /^$/ },
  "negotiator host guest-info web1": { shows: /^host name: \S+$/m },
  "negotiator host calls": { shows: /^(?:CALL .*)?$/m },
  "negotiator host audit --since 1h": { shows: /^(?:\d{4}-\d\d-\d\d .*: .*\n?)+$/ },
  "negotiator guest audit --user alice --json": { shows: /No such call is in / },
  "negotiator man negotiator-host": { shows: /^\.TH "NEGOTIATOR/ },
  "negotiator host doctor web1": { shows: /^ok +agent: the guest \(\S+\) answers in/m },
  "negotiator host list-guests --json | grep '\"legacy'": { exitCode: 1, shows: /^$/ },
};

/** Lines of `negotiator` that do not run here, and why. Their words are still read. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "negotiator host check-policy --user alice web1 restart-service nginx": "needs the user alice",
  'negotiator host attach "$id"': "needs the id of a detached call",
  'negotiator host wait "$id"': "needs the id of a detached call",
  'negotiator host signal "$id" USR1': "needs the id of a detached call",
  'negotiator host cancel "$id"': "needs the id of a detached call",
  "negotiator host audit --follow --guest 'web*' --denied": "does not end by itself",
  "negotiator host policy init": "replaces the stage's policy",
  "negotiator guest policy init --since 7d --yes": "replaces the stage's policy",
  "negotiator host add-channel --all": "needs libvirt",
  "negotiator host add-channel web1": "needs libvirt",
  "negotiator host install --uninstall": "changes this system",
  "negotiator guest install --qga": "changes this system; test/roles/install/ installs",
  "negotiator guest install --no-qga": "changes this system; test/roles/install/ installs",
  "negotiator host doctor": "judges this machine too; test/roles/doctor/ runs it",
  "negotiator guest doctor": "judges this machine too; test/roles/doctor/ runs it",
  "negotiator host freeze web1": "freezes this machine; test/e2e/guest-agent.test.ts does it in a guest",
  "negotiator host thaw web1": "freezes this machine; test/e2e/guest-agent.test.ts does it in a guest",
  "negotiator host shutdown --mode reboot web1": "shuts this machine down",
  "negotiator host daemon": "the stage has one",
  "negotiator guest daemon": "the stage has one",
  "negotiator host daemon --socket web1=/run/vm/web1.sock": "the stage has one, with another path",
  "negotiator guest -d -c /dev/vport1p1": "needs a virtio-serial port",
  "negotiator-host --execute=find-distributor-id web1": "is a call of the original program",
};

/** Programs whose lines do not run here, and why. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "./negotiator": "changes this system; test/roles/install/ installs",
  "/mnt/negotiator": "changes this system; test/roles/install/ installs",
  xorriso: "makes an image of a CD",
  npx: "builds, or runs this test; test/e2e/binary.test.ts builds, test/e2e/demo.test.ts runs the demo",
  apk: "needs Alpine",
  ausearch: "needs SELinux",
  cd: "goes to a directory of the installed system",
  chmod: "changes this system",
  cp: "changes this system",
  find: "looks at the installed system",
  fuser: "needs a virtio-serial port",
  groupadd: "changes this system",
  mkdir: "changes this system",
  install: "changes this system",
  journalctl: "needs systemd",
  ln: "changes this system",
  modprobe: "changes this system",
  mount: "changes this system",
  pgrep: "looks at the installed system",
  pip: "changes this system",
  ps: "looks at the installed system",
  "rc-service": "needs OpenRC",
  "rc-update": "needs OpenRC",
  source: "changes the running shell; test/roles/cli/manual/completion-shells.test.ts does it",
  ss: "looks at the installed system",
  supervisorctl: "needs supervisord",
  systemctl: "needs systemd",
  usermod: "changes this system",
  virsh: "needs libvirt and a guest",
  "virt-copy-in": "needs a guest's disk",
};

const LINES = [...new Set(PAGES.flatMap(({ text }) => shellLinesOf(text)))];
const FOREIGN = LINES.filter((line) => programOf(line) in PROGRAMS);

describe("a line of shell in a page", () => {
  test("runs on the stage, or has a reason not to, and every entry of the lists is in a page", () => {
    const own = LINES.filter((line) => !FOREIGN.includes(line));
    expect(own.toSorted()).toEqual([...Object.keys(RUN), ...Object.keys(ELSEWHERE)].toSorted());
    expect([...new Set(FOREIGN.map(programOf))].toSorted()).toEqual(Object.keys(PROGRAMS).toSorted());
  });

  test.each(FOREIGN)("names scripts and files that exist: %s", async (line) => {
    const words = line.split(" ");
    if (words[0] === "npx") {
      expect(words.slice(1, 4)).toEqual(["-y", manifest.packageManager, "run"]);
      expect(Object.keys(manifest.scripts)).toContain(words[4] ?? "");
    }
    for (const word of words.filter((each) => each.startsWith("examples/"))) {
      expect(await Bun.file(join(ROOT, word)).exists()).toBe(true);
    }
  });

  test.each(Object.keys(ELSEWHERE))("has words that the program accepts: %s", async (line) => {
    const words = splitWords(line);
    const [, role] = /^negotiator-(\w+)$/.exec(words[0] ?? "") ?? [];
    await expectGoodUsage([...(role === undefined ? [] : [role]), ...words.slice(1)]);
  });

  test("with an option that does not exist is noticed", async () => {
    const bad = expectGoodUsage(["host", "daemon", "--sockets", "web1=/x"]);
    expect(String(await bad.catch(String))).toContain("unknown option");
  });
});

describe("with the demo's host and guest", () => {
  let stage: Stage;
  const held = new AsyncDisposableStack();

  beforeAll(async () => {
    const { signal } = new AbortController();
    stage = await openStage({ binary: await hostBinary(), held, signal });
    // The lines run in any order, and one shows the calls before it.
    await stage.run("host", "negotiator host execute web1 find-distributor-id");
    const show = async (): Promise<string> => textOf(await stage.run("host", "negotiator host audit"));
    await until("the audit has it", async () => (await show()).includes("find-distributor-id"));
  }, TEST_TIMEOUT_MS);
  afterAll(() => held.disposeAsync(), TEST_TIMEOUT_MS);

  for (const [line, { exitCode = 0, shows }] of Object.entries(RUN)) {
    test(
      `the line has the exit code and output that it should: ${line}`,
      async () => {
        const finished = await stage.run(sideOf(line), line);
        expect(textOf(finished)).toMatch(shows);
        expect(finished.exitCode).toBe(exitCode);
      },
      TEST_TIMEOUT_MS,
    );
  }

  const messages: readonly (readonly [line: string, exitCode: number])[] = [
    ["negotiator host execute web1 check-proces", 127],
    ["negotiator host execute web2 check-process", 125],
    ["negotiator host daemon", 1],
  ];
  for (const [line, exitCode] of messages) {
    test(
      `docs/TROUBLESHOOTING.md has the message of: ${line}`,
      async () => {
        const finished = await stage.run("host", line);
        expect(finished.exitCode).toBe(exitCode);
        const [message = ""] = textOf(finished)
          .replace(/^negotiator: /, "")
          .split("\n");
        const shown = message.replace(/"\/[^"]*\/control\.sock"/, `"${DEFAULTS.host.control}"`);
        expectMessage(shown.replace(/\(process \d+\)/, "(process 4711)"));
      },
      TEST_TIMEOUT_MS,
    );
  }

  test(
    "docs/TROUBLESHOOTING.md has the message of a denied command",
    async () => {
      const [message = ""] = textOf(await stage.run("host", "negotiator host execute web1 wipe-disk")).split(
        "\n",
      );
      const [, denial = ""] = /^negotiator: (The guest denies .*: )/.exec(message) ?? [];
      const decision = decide(parsePolicy(""), {
        caller: { via: "host" },
        method: "execute",
        resource: { kind: "command", name: "wipe-disk", args: [] },
      });
      expect(denial).not.toBe("");
      expectMessage(`${denial}${decision.allowed ? "" : decision.reason}`);
    },
    TEST_TIMEOUT_MS,
  );
});

/** The first word, which is a program in every line but the shell's own. */
function programOf(line: string): string {
  return line.split(" ")[0] ?? "";
}

function sideOf(line: string): Side {
  return /negotiator[ -]guest/.test(line) ? "guest" : "host";
}

function textOf({ lines }: Finished): string {
  return lines.map(({ text }) => text).join("\n");
}
