/** Mistakes beside running daemons: calls that cannot be made, and commands that do not run. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dirname } from "node:path";
import { withMoreTime } from "../support/more-time.ts";
import { createStage } from "../support/stage.ts";
import type { Stage } from "../support/stage.ts";
import { describeMistakes, expectMessage } from "../support/mistakes.ts";

const TIMEOUT_MS = 180_000;
const LOG = "Read the log in the guest, at the daemon's terminal or with: journalctl -u negotiator-guest";
const ASK = "Ask in the guest which rule decides: negotiator guest check-policy wipe-disk";
const POLICY = '[[rules]]\naction = "deny"\ncommands = ["wipe-disk"]\n[[rules]]\naction = "allow"\n';

/** The commands of the guest: script and mode. */
const COMMANDS: Readonly<Record<string, [script: string, mode?: number]>> = {
  backup: ["#!/bin/sh\necho done\n"],
  plain: ["#!/bin/sh\n", 0o644],
  windows: ["#!/bin/sh\r\necho done\r\n"],
  ruby: ["#!/opt/ruby-9/bin/ruby\n"],
  bare: ["echo done\n"],
  shared: ["#!/bin/sh\n", 0o777],
  described: ["#!/bin/sh\n"],
  ghost: ["#!/bin/sh\n"],
  slow: ["#!/bin/sh\nexec sleep 60\n"],
};

/** The words after `negotiator host`, and the whole message. */
const CALLS: readonly [mistake: string, words: string[], exitCode: number, ...message: string[]][] = [
  [
    "the name of a guest that does not run",
    ["execute", "db7", "backup"],
    125,
    'No running guest with a negotiator channel is called "db7"',
    "List the guests with: negotiator host list-guests",
  ],
  [
    "the name of a guest mistyped",
    ["execute", "wbe1", "backup"],
    125,
    'No running guest with a negotiator channel is called "wbe1"',
    'Did you mean "web1"?',
  ],
  [
    "the status of a guest mistyped",
    ["status", "wbe1"],
    1,
    'No running guest with a negotiator channel is called "wbe1"',
    'Did you mean "web1"?',
  ],
  [
    "the name of a command mistyped",
    ["execute", "web1", "bakcup"],
    127,
    'Cannot run "bakcup": it is not a command of negotiator in the guest',
    'Did you mean "backup"?',
  ],
  [
    "a program of the guest that is not a command",
    ["execute", "web1", "systemctl", "restart", "nginx"],
    127,
    'Cannot run "systemctl": it is not a command of negotiator in the guest',
    "List the commands: negotiator host list-commands web1",
    "Put a script into /etc/negotiator/commands in the guest to offer another program",
  ],
  [
    "the path of a program",
    ["execute", "web1", "/usr/bin/uptime"],
    127,
    'Cannot run "/usr/bin/uptime": a command is called by its name, not by a path',
    "List the commands: negotiator host list-commands web1",
    "Put a script into /etc/negotiator/commands in the guest to offer another program",
  ],
  [
    "a script without its executable bit",
    ["execute", "web1", "plain"],
    126,
    'Cannot run "plain": it has no executable bit',
    LOG,
  ],
  [
    "a script with Windows line ends",
    ["execute", "web1", "windows"],
    126,
    'Cannot run "windows": the file is there, but its "#!" line ends with a carriage return',
    LOG,
  ],
  [
    "a script whose interpreter is not installed",
    ["execute", "web1", "ruby"],
    126,
    'Cannot run "ruby": its interpreter is missing',
    LOG,
  ],
  [
    "a script without a first line",
    ["execute", "web1", "bare"],
    126,
    'Cannot run "bare": it has no "#!" line that names its interpreter',
    LOG,
  ],
  [
    "a script that others may write to",
    ["execute", "web1", "shared"],
    126,
    'Cannot run "shared": it can be written by others',
    LOG,
  ],
  [
    "a script whose description is wrong",
    ["execute", "web1", "described"],
    125,
    'Cannot run "described": its file described.toml has a mistake',
    LOG,
  ],
  [
    "a script whose user does not exist",
    ["execute", "web1", "ghost"],
    125,
    'Cannot run "ghost": the user it is to run as cannot be found',
    LOG,
  ],
  [
    "a command that the policy denies",
    ["execute", "web1", "wipe-disk"],
    126,
    'The guest denies the command "wipe-disk": a rule of the policy denies it',
    ASK,
  ],
  [
    "a deadline that is too short",
    ["execute", "-t", "SECONDS", "web1", "slow"],
    124,
    "The command was ended: its deadline of SECONDS s has passed",
    "Give it more time with --timeout SECONDS; the other side may allow less",
  ],
  [
    "a second daemon",
    ["daemon"],
    1,
    'Cannot listen at "DIR/host.sock": another process listens there (process PID)',
    "Look at it: ps -fp PID",
    "If it is a daemon of negotiator, use it, or stop it first: kill PID",
  ],
];

describe("a mistake beside running daemons", () => {
  let stage: Stage;
  const held = new AsyncDisposableStack();
  beforeAll(async () => {
    stage = held.use(await createStage({ withoutDaemons: true }));
    for (const [name, [script, mode]] of Object.entries(COMMANDS))
      await stage.guest().command(name, script, mode);
    await stage.guest().command("described.toml", "timeout = 5\n", 0o644);
    await stage.guest().command("ghost.toml", 'user = "nosuchuser"\n', 0o644);
    await stage.guest().setPolicy(POLICY);
    await Promise.all([stage.host.start(), stage.guest().start()]);
    await stage.open();
  }, TIMEOUT_MS);
  afterAll(() => held.disposeAsync(), TIMEOUT_MS);

  for (const [mistake, words, exitCode, ...message] of CALLS) {
    test(
      mistake,
      async () => {
        // On a busy machine a deadline may pass before the command starts, or the guest's answer come late.
        const { run, seconds } = await withMoreTime(
          async (timeMs) => {
            const seconds = `${timeMs / 200}`;
            const run = await stage.host.run(words.map((word) => (word === "SECONDS" ? seconds : word)));
            return { run, seconds };
          },
          (outcome) => !words.includes("SECONDS") || outcome.run.stderr.includes("was ended"),
        );
        const last = run.stderr
          .replace(` ${seconds} s `, " SECONDS s ")
          .replace(/^[^]*(?=^negotiator: )/m, "")
          .replaceAll(String(stage.host.daemon.pid), "PID");
        const [first = "", ...rest] = message;
        const expected = { exitCode, message: [`negotiator: ${first}`, ...rest] };
        expectMessage({ ...run, stderr: last }, dirname(stage.host.control), expected);
      },
      TIMEOUT_MS,
    );
  }

  test(
    "the log that a message names has the path and what to do",
    async () => {
      // A daemon writes ten failures of one caller down in a minute, and other tests may have made some.
      stage.guest().daemon.kill("SIGTERM");
      await stage.guest().daemon.exited;
      await stage.guest().start();
      for (const [name, remedy] of [
        ["plain", "Set it with: chmod 755 "],
        ["windows", "Give it Unix line ends: sed -i "],
        ["ruby", "Install the interpreter, or correct the "],
        ["bare", "Add a first line such as: #!/bin/sh"],
        ["shared", "Correct it with: chmod go-w "],
        ["described", "line 1: timeout: unknown key"],
        ["ghost", "Correct the name, or create the user: useradd --system nosuchuser"],
      ] as const) {
        expect((await stage.host.run(["execute", "web1", name])).exitCode).toBeGreaterThan(0);
        await stage.guest().daemon.says(remedy);
      }
    },
    TIMEOUT_MS,
  );

  test(
    "a call under a broken policy names the check",
    async () => {
      await stage.guest().setPolicy("rules = 1\n");
      await stage.guest().run(["reload"]);
      const run = await stage.host.run(["execute", "web1", "backup"]);
      await stage.guest().setPolicy(POLICY);
      await stage.guest().run(["reload"]);
      expectMessage(run, stage.at(""), {
        exitCode: 126,
        message: [
          'negotiator: The guest denies the command "backup": ' +
            "its policy has a mistake, so nothing is allowed",
          "Correct the policy in the guest, then: negotiator guest check-config && negotiator guest reload",
        ],
      });
    },
    TIMEOUT_MS,
  );

  test(
    "a host's daemon that was stopped is not one that was never there",
    async () => {
      const guest = stage.guest();
      stage.host.daemon.kill("SIGTERM");
      await stage.host.daemon.exited;
      const run = await guest.run(["execute", "--connect-timeout", "4", "find-distributor-id"]);
      await stage.host.start();
      await stage.open();
      expectMessage(run, stage.at(""), {
        exitCode: 125,
        message: [
          "negotiator: The host's daemon answered before, and does not answer now",
          "Look at it on the host: systemctl status negotiator-host",
        ],
      });
    },
    TIMEOUT_MS,
  );

  test("a daemon that stops with nothing to do does not wait, and logs no warning", async () => {
    await using quiet = await createStage();
    quiet.host.daemon.kill("SIGTERM");
    await quiet.host.daemon.exited;
    expect(quiet.host.daemon.log()).toContain("SIGTERM: stopping\n");
    expect(quiet.host.daemon.log()).not.toMatch(/WARN|ERROR|0 calls/);
  });
});

describeMistakes("a mistake without a daemon", [
  {
    mistake: "status of a host whose service was not started",
    words: ["host", "status"],
    exitCode: 1,
    message: [
      'negotiator: No daemon of negotiator listens at "DIR/host.sock"',
      "Start it: systemctl start negotiator-host",
      "Without a service file: negotiator host daemon",
    ],
  },
  {
    mistake: "reload of a guest whose service was not started",
    words: ["guest", "reload"],
    exitCode: 1,
    message: [
      'negotiator: No daemon of negotiator listens at "DIR/guest.sock"',
      "Start it: systemctl start negotiator-guest",
      "Without a service file: negotiator guest daemon",
    ],
  },
  {
    mistake: "a device that is not there",
    words: ["guest", "execute", "-c", "/dev/vport9p9", "uptime"],
    exitCode: 125,
    message: [
      'negotiator: Cannot open port "/dev/vport9p9": there is no such file',
      "List the ports: ls -l /dev/virtio-ports /sys/class/virtio-ports",
    ],
  },
  {
    mistake: "a file for a device",
    words: ["guest", "execute", "-c", "DIR/negotiator.toml", "uptime"],
    exitCode: 125,
    message: [
      'negotiator: Cannot open port "DIR/negotiator.toml": it is not a character device',
      "List the ports: ls -l /dev/virtio-ports /sys/class/virtio-ports",
    ],
  },
  {
    mistake: "a socket that is not there",
    words: ["host", "execute", "--socket", "web1=DIR/web1.sock", "web1", "uptime"],
    exitCode: 125,
    message: [
      'negotiator: Cannot connect to "DIR/web1.sock": there is no such socket',
      "Check the path, and start the program that listens there",
    ],
  },
  {
    mistake: "a file for a socket",
    words: ["host", "execute", "--socket", "web1=DIR/negotiator.toml", "web1", "uptime"],
    exitCode: 125,
    message: [
      'negotiator: Cannot connect to "DIR/negotiator.toml": it is not a socket',
      "Name the socket: for a guest it is the path= of QEMU's -chardev socket,...",
      "Find sockets: ss -xl",
    ],
  },
  {
    mistake: "--socket and another guest",
    words: ["host", "execute", "--socket", "web1=DIR/web1.sock", "web2", "uptime"],
    exitCode: 125,
    message: [
      'negotiator: No running guest with a negotiator channel is called "web2"',
      "Use a guest of --socket, as it leaves out all others: web1",
    ],
  },
]);
