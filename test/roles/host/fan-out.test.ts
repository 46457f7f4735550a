/** `execute` in several guests at once: who is called, output, exit codes, and interruption. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readdir, symlink } from "node:fs/promises";
import { withMoreTime } from "../../support/more-time.ts";
import { launchOnScreen } from "../../support/screen.ts";
import type { Screen } from "../../support/screen.ts";
import { shortestOf } from "../../support/shortest.ts";
import { createStage } from "../../support/stage.ts";
import type { Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(180_000);

const COMMANDS = {
  greet: 'echo "hello $1"; echo careful >&2',
  fail: 'echo failing; exit "$1"',
  cat: "cat",
  hold: 'trap "echo interrupted; exit 3" INT; echo holding; while :; do sleep 0.05; done',
  chatter: "while :; do echo x; sleep 0.05; done",
  long: "head -c 200000 /dev/zero | tr '\\0' x",
  hostile: "printf 'one\\rweb2: two\\033]0;evil\\007\\033[31mred\\n'",
};

let stage: Stage;
beforeAll(async () => {
  stage = await createStage({ guests: ["db1", "db2", "web1"] });
  for (const name of ["db1", "db2", "web1"])
    for (const [command, script] of Object.entries(COMMANDS))
      await stage.guest(name).command(command, `#!/bin/bash\n${script}\n`);
  await stage.guest("db2").command("greet", "#!/bin/bash\nexit 7\n");
});
afterAll(() => stage[Symbol.asyncDispose]());

const run = (...words: string[]) => stage.host.run(["execute", ...words]);
const lines = (text: string): string[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .sort();

function onScreen(words: readonly string[], columns = 80): Screen {
  return launchOnScreen(["host", "execute", ...words], {
    columns,
    env: { NEGOTIATOR_CONFIG: stage.at("host.toml") },
  });
}

describe("who is called", () => {
  test.each([
    [
      ["--guests", "db*"],
      ["db1", "db2"],
    ],
    [
      ["--guests", "db1,web*"],
      ["db1", "web1"],
    ],
    [
      ["--guests", "db1", "--guests", "w?b1"],
      ["db1", "web1"],
    ],
    [["--all"], ["db1", "db2", "web1"]],
  ])("%j calls %j", async (words, guests) => {
    const { stdout } = await run(...words, "fail", "1");
    expect(lines(stdout)).toEqual(guests.map((guest) => `${guest}: failing`));
  });

  test("a file names guests, and a name without a guest fails without holding up the others", async () => {
    await Bun.write(stage.at("list"), "# ours\n\n  db1  \nweb1\nweb9\ndb1\n");
    const ended = await run("--guests-file", stage.at("list"), "cat");
    expect(ended).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ended.stderr).toStartWith("negotiator: web9: no such guest\n");
    expect(ended.stderr).toContain("3 guests: 2 succeeded, 1 failed");
    const piped = await stage.host.run(["execute", "--guests-file", "-", "greet", "you"], {
      stdin: "web1\n",
    });
    expect(piped).toMatchObject({ exitCode: 0, stdout: "web1: hello you\n" });
  });

  test("a guest without an agent fails at once, and is named first", async () => {
    await using other = await createStage({ guests: ["web1", "web2"], withoutDaemons: true });
    await other.guest("web1").command("greet", "#!/bin/sh\necho hello\n");
    await other.host.start();
    await other.guest("web1").start();
    await other.open("web1");
    const silentSince = Date.now();
    await until("web2 is silent for long enough", () => Date.now() - silentSince > 5500);
    const ms = await shortestOf(8000, async () => {
      const ended = await other.host.run(["execute", "--all", "greet"]);
      expect(ended).toMatchObject({ exitCode: 1, stdout: "web1: hello\n" });
      expect(ended.stderr).toMatch(/^negotiator: web2: no agent has answered yet, for \d+ s\n/);
      return ended.durationMs;
    });
    // It would take ten seconds to wait for it.
    expect(ms).toBeLessThan(8000);
  });
});

describe("output", () => {
  test("each line begins with the guest's name, and the summary says how each one ended", async () => {
    const ended = await run("--all", "greet", "you");
    expect(ended.exitCode).toBe(1);
    expect(lines(ended.stdout)).toEqual(["db1: hello you", "web1: hello you"]);
    expect(lines(ended.stderr.replaceAll(/\d+\.\d s/g, "0.0 s"))).toEqual(
      lines(`
db1: careful
web1: careful
GUEST  RESULT        TIME
db1    ok           0.0 s
db2    exit code 7  0.0 s
web1   ok           0.0 s
3 guests: 2 succeeded, 1 failed, in 0.0 s
`),
    );
    expect(await run("--guests", "db1", "-q", "cat")).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  });

  test("a line without an end is written in pieces", async () => {
    const { stdout } = await run("--guests", "web1", "long");
    const written = stdout.split("\n").slice(0, -1);
    expect(written.every((line) => /^web1: x+$/.test(line) && line.length <= 65_542)).toBe(true);
    expect(written.join("").replaceAll("web1: ", "").length).toBe(200_000);
  });

  test("a directory gets a file for each stream, and a link there is replaced", async () => {
    const directory = stage.at("out");
    await mkdir(directory);
    await Bun.write(stage.at("precious"), "kept");
    await symlink(stage.at("precious"), `${directory}/db1.stdout`);
    expect(await run("--guests", "db*", "--output-dir", directory, "greet", "you")).toMatchObject({
      stdout: "",
    });
    expect((await readdir(directory)).sort()).toEqual([
      "db1.stderr",
      "db1.stdout",
      "db2.stderr",
      "db2.stdout",
    ]);
    expect(await Bun.file(`${directory}/db1.stdout`).text()).toBe("hello you\n");
    expect(await Bun.file(`${directory}/db1.stderr`).text()).toBe("careful\n");
    expect(await Bun.file(stage.at("precious")).text()).toBe("kept");
  });

  test("--json gives one object for each guest", async () => {
    await Bun.write(stage.at("list"), "db1\ndb2\nweb9\n");
    const { stdout, exitCode } = await run("--guests-file", stage.at("list"), "--json", "greet", "you");
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .sort((one, other) => (one.guest < other.guest ? -1 : 1));
    const rest = { signal: null, isTruncated: false, durationMs: expect.any(Number) };
    expect({ exitCode, rows }).toEqual({
      exitCode: 1,
      rows: [
        {
          ...rest,
          guest: "db1",
          exitCode: 0,
          endedBy: "command",
          stdout: "hello you\n",
          stderr: "careful\n",
          error: null,
        },
        { ...rest, guest: "db2", exitCode: 7, endedBy: "command", stdout: "", stderr: "", error: null },
        {
          ...rest,
          guest: "web9",
          exitCode: 125,
          endedBy: null,
          stdout: "",
          stderr: "",
          error: { code: "NO_CHANNEL", message: "no such guest" },
        },
      ],
    });
  });
});

describe("standard input", () => {
  test("a file goes to every guest", async () => {
    await Bun.write(stage.at("input"), "one\ntwo\n");
    const ended = await stage.host.shell('{ read -r; "$@" execute --all cat; cat; } <"$0"', []);
    expect(ended.exitCode).not.toBe(0);
    const shell = `{ read -r; "$@" execute --all cat; cat; } <'${stage.at("input")}'`;
    const { stdout } = await stage.host.shell(shell);
    expect(lines(stdout)).toEqual(["db1: two", "db2: two", "web1: two"]);
  });

  test("a pipe is not sent, and that is said unless -n is given", async () => {
    const note = /^negotiator: standard input is not sent/;
    const ended = await stage.host.shell('echo x | "$@" execute --guests web1 cat');
    expect(ended).toMatchObject({ exitCode: 0, stdout: "", stderr: expect.stringMatching(note) });
    const quiet = await stage.host.shell('echo x | "$@" execute --guests web1 -n cat');
    expect(quiet.stderr).not.toMatch(note);
  });
});

describe("limits", () => {
  test("-t is for each guest", async () => {
    const { stdout, stderr, seconds } = await withMoreTime(
      async (timeMs) => {
        const seconds = `${timeMs / 200}`;
        return { ...(await run("--guests", "db*", "-t", seconds, "hold")), seconds };
      },
      (ended) => lines(ended.stdout).length === 2 && ended.stderr.includes("its deadline of "),
    );
    expect(lines(stdout)).toEqual(["db1: holding", "db2: holding"]);
    expect(stderr).toContain("2 guests: 0 succeeded, 2 failed");
    expect(stderr).toContain(`its deadline of ${seconds} s has passed`);
  });

  test("--parallel 1 with --fail-fast begins with no guest after the first failure", async () => {
    await Bun.write(stage.at("list"), "a-missing-guest\ndb1\ndb2\nweb1\n");
    const words = ["--guests-file", stage.at("list"), "--parallel", "1", "--fail-fast"];
    const { stdout, stderr } = await run(...words, "fail", "3");
    expect(stdout).toBe("db1: failing\n");
    expect(stderr).toMatch(/db1 +exit code 3 .*\ndb2 +not started .*\nweb1 +not started /);
  });
});

describe("a terminal", () => {
  test("shows harmless whole lines behind their guests", async () => {
    await using screen = onScreen(["--guests", "web1", "hostile"]);
    expect(await screen.ended()).toBe(0);
    const [first, second, third] = (await screen.text()).split("\n");
    expect([first, second, third]).toEqual([
      "web1: one",
      "web1: web2: twored",
      expect.stringMatching(/^GUEST/),
    ]);
    expect(screen.bytes()).not.toContain("\u001b]0");
  });

  test("shows the progress while guests run, and Ctrl-C ends all of them", async () => {
    await using screen = onScreen(["--all", "hold"]);
    // A command that has said so has set its trap.
    for (const guest of ["db1", "db2", "web1"]) await screen.shows(new RegExp(`^${guest}: holding$`, "m"));
    await screen.shows(/^0 of 3 done, \d s: db1, db2, web1$/m);
    screen.type("\u0003");
    await screen.shows(/^3 guests: 0 succeeded, 3 failed/m);
    await screen.ended();
    const text = await screen.text();
    expect(lines(text).filter((line) => line.endsWith(": interrupted"))).toHaveLength(3);
    expect(text).not.toContain(" of 3 done");
  });
});

test("SIGTERM ends all commands, and the caller ends by it", async () => {
  await using held = stage.host.launch(["execute", "--all", "hold"]);
  let text = "";
  await until("all commands run", async () => {
    text += new TextDecoder().decode(await held.read());
    return text.split("holding").length > 3;
  });
  held.kill("SIGTERM");
  await held.exited;
  expect(held.signal()).toBe("SIGTERM");
  await until("no call runs", async () =>
    (await Promise.all(["db1", "db2", "web1"].map((name) => stage.open(name)))).every(
      ({ calls }) => calls.outgoing === 0,
    ),
  );
});

describe("wrong usage exits with 2", () => {
  test.each([
    [["--all", "--guests", "db*", "greet"], "exclude each other"],
    [["--guests", "db1,,db2", "greet"], "a pattern of --guests is empty"],
    [["--parallel", "3", "web1", "greet"], "--parallel is for several guests"],
    [["--all", "--parallel", "0", "greet"], "--parallel must be a number from 1 to 256"],
    [["--all", "--detach", "greet"], "--detach is for a call to one guest"],
    [["--all"], "missing COMMAND"],
    [["web1", "--all", "greet"], "option --all stands behind the first word"],
    [["--guests-file", "/nonexistent", "greet"], 'Cannot read guests from "/nonexistent": it does not exist'],
    [["--guests-file", "/dev/null", "greet"], "it is not a file"],
    [["--guests-file", "-", "greet"], "it names no guest"],
    [["--all", "--output-dir", "/proc/nothing", "greet"], "it cannot be created (ENOENT)"],
  ])("%j", async (words, message) => {
    expect(await run(...words)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(message) });
  });
});

test("a pattern without a guest, and a daemon that does not run, exit with 1", async () => {
  expect(await run("--guests", "dbb1", "greet")).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/No guest fits "dbb1"\nDid you mean "db1"\?/),
  });
  await using other = await createStage({ withoutDaemons: true });
  expect(await other.host.run(["execute", "--all", "greet"])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("No daemon of negotiator listens"),
  });
});

test("a reader that is gone ends all commands", async () => {
  const ended = await stage.host.shell('"$@" execute --all chatter | head -n 1; echo "${PIPESTATUS[0]}"');
  expect(ended.stdout).toMatch(/: x\n1\n$/);
});
