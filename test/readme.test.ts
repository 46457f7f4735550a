/** Every line of shell in the README: run on a stage, or at least read. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import type { Side } from "../scripts/demo-commands.ts";
import type { Finished } from "../scripts/demo-processes.ts";
import { openStage } from "../scripts/demo-stage.ts";
import type { Stage } from "../scripts/demo-stage.ts";
import { decide, parsePolicy } from "../src/policy/policy.ts";
import { splitWords } from "../src/roles/cli/shell-words.ts";
import { DEFAULTS } from "../src/config/settings.ts";
import { hostBinary } from "./support/binary.ts";
import { TEST_PATIENCE_MS } from "./support/patience.ts";
import { blocksOf, expectGoodUsage, expectMessage, ROOT } from "./support/readme.ts";

/** Lines that are run on the demo's stage, and what they must bring. */
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
  "negotiator guest check-policy check-process nginx": { shows: /^rule 2 \(allow\): fits\nallowed$/m },
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
  'for guest in $(negotiator host list-guests); do negotiator host execute -n "$guest" find-disk-usage; done':
    {
      shows: / \/ \d+ \d+$/m,
    },
  "negotiator host status": { shows: /^web1: open/ },
  "negotiator guest status": { shows: /^host: open/ },
};

/** Lines that are not run here, and why. The words of `negotiator` in them are still read. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "npx -y bun@1.4.5 run demo": "test/e2e/demo.test.ts runs it",
  "npx -y bun@1.4.5 run test": "it would run this test",
  "npx -y bun@1.4.5 run build": "takes minutes; test/e2e/binary.test.ts builds one of the six",
  "apk add libstdc++": "needs Alpine",
  "install -m 755 negotiator-linux-x64-baseline /usr/local/bin/negotiator": "changes this system",
  "ln -s negotiator /usr/local/bin/negotiator-host": "changes this system",
  "ln -s negotiator /usr/local/bin/negotiator-guest": "changes this system",
  "virsh attach-device web1 channel.xml --live --config": "needs libvirt and a guest",
  "negotiator host daemon": "the stage has one",
  "negotiator guest daemon": "the stage has one",
  "negotiator host daemon --socket web1=/run/vm/web1.sock": "the stage has one, with another path",
  "negotiator guest -d -c /dev/vport1p1": "needs a virtio-serial port",
  "cp examples/systemd/negotiator-host.service /etc/systemd/system/": "changes this system",
  "systemctl enable --now negotiator-host": "needs systemd",
  "systemctl reload negotiator-host": "needs systemd",
  "cp examples/supervisor/negotiator-guest.conf /etc/supervisor/conf.d/": "changes this system",
  "supervisorctl update": "needs supervisord",
  "install -m 755 examples/openrc/negotiator-guest /etc/init.d/negotiator-guest": "changes this system",
  "rc-update add negotiator-guest default": "needs OpenRC",
  "rc-service negotiator-guest start": "needs OpenRC",
};

describe("a line of shell in the README", () => {
  const lines = [...new Set(blocksOf("sh").flatMap((block) => block.split("\n")))].filter(
    (line) => line !== "",
  );

  test("is in one of the two lists, and nothing else is", () => {
    expect(lines.toSorted()).toEqual([...Object.keys(RUN), ...Object.keys(ELSEWHERE)].toSorted());
  });

  for (const line of Object.keys(ELSEWHERE)) {
    test(`names what there is: ${line}`, async () => {
      const words = splitWords(line);
      if (words[0] === "npx") expect(Object.keys(manifest.scripts)).toContain(words.at(-1) ?? "");
      if (words[0] === "npx") expect(words[2]).toBe(manifest.packageManager);
      for (const word of words.filter((each) => each.startsWith("examples/"))) {
        expect(await Bun.file(join(ROOT, word)).exists()).toBe(true);
      }
      if (words[0] === "negotiator") await expectGoodUsage(words.slice(1));
    });
  }

  test("with an option that does not exist would be noticed", async () => {
    const bad = expectGoodUsage(["host", "daemon", "--sockets", "web1=/x"]);
    expect(String(await bad.catch(String))).toContain("unknown option");
  });
});

describe("on a stage,", () => {
  let stage: Stage;
  const held = new AsyncDisposableStack();

  beforeAll(async () => {
    const { signal } = new AbortController();
    stage = await openStage({ binary: await hostBinary(), held, signal });
  }, TEST_PATIENCE_MS);
  afterAll(() => held.disposeAsync(), TEST_PATIENCE_MS);

  for (const [line, { exitCode = 0, shows }] of Object.entries(RUN)) {
    test(
      `the line does what the README says: ${line}`,
      async () => {
        const finished = await stage.run(sideOf(line), line);
        expect(textOf(finished)).toMatch(shows);
        expect(finished.exitCode).toBe(exitCode);
      },
      TEST_PATIENCE_MS,
    );
  }

  const messages: readonly (readonly [line: string, exitCode: number])[] = [
    ["negotiator host execute web1 check-proces", 127],
    ["negotiator host execute web2 check-process", 125],
    ["negotiator host daemon", 1],
  ];
  for (const [line, exitCode] of messages) {
    test(
      `the README has the message of: ${line}`,
      async () => {
        const finished = await stage.run("host", line);
        expect(finished.exitCode).toBe(exitCode);
        const [message = ""] = textOf(finished)
          .replace(/^negotiator: /, "")
          .split("\n");
        expectMessage(message.replace(/"\/[^"]*\/control\.sock"/, `"${DEFAULTS.host.control}"`));
      },
      TEST_PATIENCE_MS,
    );
  }

  test(
    "the README has the message of a denied command",
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
    TEST_PATIENCE_MS,
  );
});

function sideOf(line: string): Side {
  return /negotiator[ -]guest/.test(line) ? "guest" : "host";
}

function textOf({ lines }: Finished): string {
  return lines.map(({ text }) => text).join("\n");
}
