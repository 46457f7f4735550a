/** Command lines other than `execute`: lists, status, the option form, and their error messages. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { BUILTINS } from "../../../src/methods/builtin/builtins.ts";
import { askStatus } from "../../../src/roles/host/ask-status.ts";
import { withMoreTime } from "../../support/more-time.ts";
import { createStage } from "../../support/stage.ts";
import type { Side, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const GUESTS = "\nList the guests: negotiator host list-guests";

setDefaultTimeout(180_000);

const BUILTIN_NAMES = BUILTINS.map(({ name }) => name);

let stage: Stage;
beforeAll(async () => {
  stage = await createStage({ guests: ["web1", "web2"] });
  for (const side of [stage.host, stage.guest("web1")]) {
    const path = await side.command("Zap", "#!/bin/sh\n# negotiator: zaps\necho zap $#\n");
    await Bun.write(`${path}.toml`, "timeoutSeconds = 7\nstdin = false\n");
    await side.command(
      "say",
      String.raw`#!/bin/sh
for word; do printf '[%s]' "$word"; done
echo`,
    );
    await side.command("plain", "#!/bin/sh\n", 0o644);
    await side.command("find-distributor-id", "#!/bin/sh\necho ours\n");
  }
});
afterAll(() => stage[Symbol.asyncDispose]());

const NAMES = ["Zap", ...BUILTIN_NAMES, "say"];

function objects(text: string): unknown[] {
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

describe.each<[string, () => { caller: Side; to: string[] }]>([
  ["from a host", () => ({ caller: stage.host, to: ["web1"] })],
  ["from a guest", () => ({ caller: stage.guest("web1"), to: [] })],
])("commands of the other end, %s", (from, way) => {
  test(`list-commands ${from} prints one command per line, sorted`, async () => {
    const { caller, to } = way();
    const ended = await caller.run(["list-commands", ...to]);
    expect(ended).toMatchObject({
      exitCode: 0,
      stdout: NAMES.map((name) => `${name}\n`).join(""),
      stderr: "",
    });
  });

  test(`list-commands --json ${from} prints one object per line`, async () => {
    const { caller, to } = way();
    const { stdout } = await caller.run(["list-commands", ...to, "--json"]);
    const rows = objects(stdout);
    expect(rows).toHaveLength(NAMES.length);
    expect(rows[0]).toEqual({
      name: "Zap",
      kind: "user",
      description: "zaps",
      timeoutSeconds: 7,
      stdin: false,
    });
    expect(rows).toContainEqual({ name: "find-distributor-id", kind: "user" });
    expect(rows).toContainEqual({
      name: "find-distribution-release",
      kind: "builtin",
      description: expect.any(String),
    });
  });

  test(`execute ${from} runs a user command instead of the built-in one of its name`, async () => {
    const { caller, to } = way();
    const ended = await caller.run(["execute", ...to, "find-distributor-id"]);
    expect(ended).toMatchObject({ exitCode: 0, stdout: "ours\n" });
  });
});

test("list-guests prints the running guests, sorted, with and without the daemon", async () => {
  expect(await stage.host.run(["list-guests"])).toMatchObject({
    exitCode: 0,
    stdout: "web1\nweb2\n",
    stderr: "",
  });
  const direct = await stage.host.run(["list-guests", "--direct", "--json"]);
  expect(objects(direct.stdout)).toEqual([
    { name: "web1", uuid: null, state: null, dialect: null },
    { name: "web2", uuid: null, state: null, dialect: null },
  ]);
  const asked = await stage.host.run(["list-guests", "--json"]);
  expect(objects(asked.stdout)).toEqual([
    { name: "web1", uuid: null, state: "open", dialect: "native" },
    { name: "web2", uuid: null, state: "open", dialect: "native" },
  ]);
});

test("status prints all guests or the named one, and in a guest its host", async () => {
  const row = {
    uuid: null,
    state: "open",
    dialect: "native",
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    since: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    calls: { outgoing: expect.any(Number), incoming: expect.any(Number) },
    callsDone: { outgoing: expect.any(Number), incoming: expect.any(Number) },
    bytes: { in: expect.any(Number), out: expect.any(Number) },
    roundTripMs: expect.any(Number),
    lastError: null,
  };
  const all = await stage.host.run(["status", "--json"]);
  expect(objects(all.stdout)).toEqual([
    { name: "web1", ...row },
    { name: "web2", ...row },
  ]);
  const one = await stage.host.run(["status", "web2"]);
  expect(one).toMatchObject({ exitCode: 0, stderr: "" });
  expect(one.stdout).toMatch(/^web2: open, negotiator \S+, since \S+, 0 calls out, 0 in\n$/);
  const guest = await stage.guest("web1").run(["status", "--json"]);
  expect(objects(guest.stdout)).toEqual([{ ...row, uuid: undefined, qga: null }]);
  expect(await stage.guest("web1").run(["status"])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^host: open, negotiator /),
  });
});

describe("the option form of the original", () => {
  test.each([
    [["-e", "say 'a b' \"\" --help", "web1"], "[a b][][--help]\n"],
    [["web1", "--execute=say x"], "[x]\n"],
    [["-gc", "web2"], `web1\nweb2\n${BUILTIN_NAMES.map((name) => `${name}\n`).join("")}`],
    [["-vqe", "say $HOME ; id", "web1"], "[$HOME][;][id]\n"],
    [["-t", "5", "-g"], "web1\nweb2\n"],
  ])("negotiator-host %j prints %j", async (words, stdout) => {
    expect(await stage.host.run(words)).toMatchObject({ exitCode: 0, stdout, stderr: "" });
  });

  test.each([
    [["-e", "say 'a b'"], "[a b]\n"],
    [["-l"], NAMES.map((name) => `${name}\n`).join("")],
    [["--timeout=3", "-e", "Zap 1 2"], "zap 2\n"],
  ])("negotiator-guest %j prints %j", async (words, stdout) => {
    expect(await stage.guest("web1").run(words)).toMatchObject({ exitCode: 0, stdout, stderr: "" });
  });

  test("the option form stops at the first action that fails, with its exit code", async () => {
    const ended = await stage.host.run(["-e", "nothing", "-e", "say never", "web1"]);
    expect(ended).toMatchObject({ exitCode: 127, stdout: "" });
    expect(ended.stderr).toContain('Cannot run "nothing"');
  });

  test.each([
    [
      ["-e", "say", "web1", "rm"],
      'negotiator: surplus word "rm"\nWrite the command and its arguments as one word: -e "COMMAND ARG..."\n',
    ],
    [["-e", "say x"], 'negotiator: missing GUEST\nWrite: negotiator host -e "COMMAND" GUEST' + GUESTS + "\n"],
    [
      ["-e", "'", "web1"],
      "negotiator: Cannot split the command \"'\": the quote ' has no end\n" +
        "Add the closing quote, or write \\' for a quote that is meant\n",
    ],
  ])("negotiator-host %j exits with 2 and the message %j", async (words, stderr) => {
    expect(await stage.host.run(words)).toMatchObject({ exitCode: 2, stdout: "", stderr });
  });

  test("negotiator-host -g -h prints the role's help", async () => {
    expect(await stage.host.run(["-g", "-h"])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("negotiator host SUBCOMMAND"),
    });
  });
});

describe("error messages", () => {
  test.each<[string[], number, string[]]>([
    [["execute", "web", "say"], 125, ['is called "web"', 'Did you mean "web1", "web2"?']],
    [["execute", "nowhere", "say"], 125, ['is called "nowhere"', "negotiator host list-guests"]],
    [["execute", "--direct", "wbe1", "say"], 125, ['is called "wbe1"', 'Did you mean "web1"']],
    [["list-commands", "web"], 1, ['Did you mean "web1"']],
    [["status", "web"], 1, ['Did you mean "web1"']],
    [["execute", "\u001b[31m", "say"], 125, ['is called "\\x1b[31m"']],
    [["execute", "--control", "/nonexistent/x.sock", "web3", "say"], 125, ['is called "web3"']],
    [["status", "--control", "/nonexistent/x.sock"], 1, ["/nonexistent/x.sock", "negotiator host daemon"]],
    [["execute", "--socket", "lab=/nonexistent.sock", "lab", "say"], 125, ['connect to "/nonexistent.sock"']],
    [
      ["execute", "-t", "soon", "web1", "say"],
      2,
      ['--timeout must be a number of seconds; this is "soon"', "for example: --timeout 60"],
    ],
    [["execute", "-t", "-1", "web1", "say"], 2, ['this is "-1"']],
    [
      ["execute", "--connect-timeout", "soon", "web1", "say"],
      2,
      ["--connect-timeout must be", 'this is "soon"'],
    ],
    [
      ["execute", "--connect-timeout", "99999999", "web1", "say"],
      2,
      ["--connect-timeout must be a number from 0 to 31536000"],
    ],
    [["list-commands", "-t", "soon", "web1"], 2, ["--timeout must be"]],
    [["execute", "-t", "99999999999", "web1", "say"], 2, ["--timeout must be a number from 0 to 31536000"]],
    [["list-guests", "--control", "here.sock"], 2, ["--control must be an absolute path"]],
    [["execute", "web1"], 2, ['missing COMMAND after GUEST "web1"']],
    [["execute"], 2, ["missing GUEST"]],
  ])("negotiator-host %j exits with %d and a message with %j", async (words, exitCode, parts) => {
    const ended = await stage.host.run(words);
    expect(ended).toMatchObject({ exitCode, stdout: "" });
    for (const part of parts) expect(ended.stderr).toContain(part);
    expect(ended.stderr).not.toContain("\u001b");
  });

  test("status in a guest without a daemon exits with 1 and names the daemon to start", async () => {
    const { stderr, exitCode } = await stage
      .guest("web1")
      .run(["status", "--control", "/nonexistent/x.sock"]);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("negotiator guest daemon"),
    });
  });
});

test("execute works without a host's daemon, over a socket or the guest's own channel", async () => {
  await using dark = await createStage({ withoutDaemons: true });
  await dark.guest().start();
  const socket = `lab=${dark.guest().port.hostPath}`;
  const answer = await dark.host.run(["execute", "--socket", socket, "lab", "find-distribution-release"]);
  expect(answer).toMatchObject({ exitCode: 0, stderr: "" });
  expect(await dark.host.run(["list-guests", "--socket", socket])).toMatchObject({ exitCode: 0 });
  const again = await dark.host.run(["execute", "web1", "find-distribution-release"]);
  expect(again).toMatchObject({ exitCode: 0, stdout: answer.stdout, stderr: "" });
  const audit = await dark.guest().audit(2);
  expect(audit).toHaveLength(2);
});

test("to a guest without an agent, execute exits with 125 by --connect-timeout and 124 by -t", async () => {
  await using dark = await createStage({ withoutDaemons: true });
  // On a busy machine the time may be over before the guest's channel is opened.
  const runFor = (option: string) =>
    withMoreTime(
      (timeMs) => dark.host.run(["execute", option, `${(3 * timeMs) / 1000}`, "web1", "say"]),
      ({ stderr }) => stderr.includes("its channel is there"),
    );
  const late = await runFor("-t");
  expect(late).toMatchObject({ exitCode: 124, stdout: "" });
  expect(late.stderr).toMatch(
    /\d s has passed before the call was sent\. Guest "web1" does not answer: its channel /,
  );
  const direct = await runFor("--connect-timeout");
  expect(direct).toMatchObject({ exitCode: 125, stdout: "" });
  expect(direct.stderr).toContain(
    'Guest "web1" does not answer: its channel is there, but no agent answers on it',
  );
  expect(direct.stderr).toContain("negotiator guest daemon");
  await dark.host.start();
  await until("the daemon has found it", async () => (await askStatus(dark.host.control))?.length === 1);
  // On a busy machine the daemon gets the call late, so the deadline is not short.
  const through = await dark.host.run(["execute", "--connect-timeout", "4", "web1", "say"]);
  expect(through).toMatchObject({ exitCode: 125, stdout: "" });
  expect(through.stderr).toContain('Guest "web1" does not answer');
  expect(through.durationMs).toBeGreaterThan(3900);
  const { stdout } = await dark.host.run(["status", "--json"]);
  expect(objects(stdout)).toMatchObject([{ name: "web1", state: "waiting", dialect: null, version: null }]);
});

test("execute in a guest without a host's daemon exits with 125 after --connect-timeout", async () => {
  await using dark = await createStage({ withoutDaemons: true });
  await dark.guest().start();
  const ended = await dark.guest().run(["execute", "--connect-timeout", "4", "say"]);
  expect(ended).toMatchObject({ exitCode: 125, stdout: "" });
  expect(ended.stderr).toContain("No host daemon has connected to this guest yet");
  expect(ended.stderr).toContain("negotiator host daemon");
});
