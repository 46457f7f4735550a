/** `status` of running daemons: on a terminal, again and again, through pipes, and for monitoring. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { launchOnScreen } from "../support/screen.ts";
import type { Screen, ScreenOptions } from "../support/screen.ts";
import { launch, launchDaemon } from "../support/program.ts";
import { createStage } from "../support/stage.ts";
import type { Side, Stage } from "../support/stage.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(180_000);

let stage: Stage;
beforeAll(async () => {
  stage = await createStageWithCommands(["web1", "web2"]);
});
afterAll(() => stage[Symbol.asyncDispose]());

async function createStageWithCommands(guests: readonly string[]): Promise<Stage> {
  const stage = await createStage({ guests });
  await stage.guest().command("greet", "#!/bin/sh\necho hello\n");
  await stage.guest().command("hold", "#!/bin/sh\ncat\n");
  await stage.host.command("greet", "#!/bin/sh\necho hello\n");
  return stage;
}

function onScreen(words: readonly string[], options: ScreenOptions = {}): Screen {
  const side = words[0] === "host" ? "host" : "web1";
  return launchOnScreen(words, {
    ...options,
    env: { NEGOTIATOR_CONFIG: stage.at(`${side}.toml`), ...options.env },
  });
}

type JsonRow = Record<string, unknown> & { bytes: { in: number; out: number } };

async function readJson(words: readonly string[], side: Side): Promise<JsonRow> {
  const { stdout } = await side.run(["status", "--json", ...words]);
  return JSON.parse(stdout);
}

test("the figures are those of the calls that were made", async () => {
  // Other tests of this file make calls too, in any order.
  await using stage = await createStageWithCommands(["web1"]);
  const before = await readJson(["web1"], stage.host);
  expect(before).toMatchObject({
    callsDone: { outgoing: 0, incoming: 0 },
    calls: { outgoing: 0, incoming: 0 },
  });
  await using held = stage.host.launch(["execute", "web1", "hold"], { isOpen: true });
  await until("the call runs", async () => (await stage.open("web1")).calls.outgoing === 1);
  await stage.host.run(["execute", "web1", "greet"]);
  await stage.guest().run(["execute", "greet"]);
  const after = await readJson(["web1"], stage.host);
  expect(after).toMatchObject({
    calls: { outgoing: 1, incoming: 0 },
    callsDone: { outgoing: 1, incoming: 1 },
    roundTripMs: expect.any(Number),
  });
  expect(after.bytes.in).toBeGreaterThan(before.bytes.in);
  expect(after.bytes.out).toBeGreaterThan(before.bytes.out);
  const guest = await readJson([], stage.guest());
  expect(guest).toMatchObject({ callsDone: { outgoing: 1, incoming: 1 }, roundTripMs: expect.any(Number) });
  // Both sides count the same channel.
  expect(guest.bytes.in).toBeGreaterThanOrEqual(after.bytes.out);
  held.endInput();
  await held.ended();
  await until("the call has ended", async () => (await stage.open("web1")).callsDone.outgoing === 2);
});

test("a terminal gets a table with colours, and none with NO_COLOR", async () => {
  for (const columns of [40, 80, 120]) {
    await using screen = onScreen(["host", "status"], { columns });
    expect(await screen.ended()).toBe(0);
    const lines = (await screen.text()).split("\n");
    expect(lines.map((line) => line.split(/\s+/).slice(0, 2))).toEqual([
      ["GUEST", "STATE"],
      ["web1", "open"],
      ["web2", "open"],
    ]);
    expect(screen.bytes()).toContain("\u001b[32mopen\u001b[0m");
  }
  await using plain = onScreen(["host", "status"], { env: { NO_COLOR: "1" } });
  await plain.ended();
  expect(plain.bytes()).not.toContain("\u001b");
  await using guest = onScreen(["guest", "status"]);
  await guest.ended();
  expect(await guest.text()).toMatch(/^PEER +STATE .*\nhost +open /);
});

test("a pipe gets one line for each guest, which scripts read", async () => {
  const { stdout, stderr } = await stage.host.run(["status"]);
  expect(stderr).toBe("");
  expect(stdout.split("\n")).toEqual([
    expect.stringMatching(/^web1: open, negotiator [\d.]+, since \S+, 0 calls out, 0 in$/),
    expect.stringMatching(/^web2: open, negotiator [\d.]+, since \S+, 0 calls out, 0 in$/),
    "",
  ]);
});

describe("--watch", () => {
  test("follows the guests on a second screen, and Ctrl-C gives the first one back", async () => {
    await using screen = onScreen(["host", "status", "--watch", "--interval", "0.1"]);
    await screen.shows(/every 0.1 s; Ctrl-C ends\nGUEST .*\nweb1 +open /);
    await using held = stage.host.launch(["execute", "web1", "hold"], { isOpen: true });
    await screen.shows(/web1 .* 1 +\d+ +\S+ +\S+\n/);
    held.endInput();
    await screen.shows(/web1 .* 0 +\d+ +\S+ +\S+\n/);
    screen.type("\u0003");
    expect(await screen.ended()).toBe(0);
    const bytes = screen.bytes();
    // Nothing erases the screen between two pictures, so nothing flickers.
    expect(bytes).not.toContain("\u001b[2J");
    expect(bytes.split("\u001b[?2026h").length).toBe(bytes.split("\u001b[?2026l").length);
    expect(bytes).toEndWith("\u001b[?7h\u001b[?25h\u001b[?1049l");
    expect(await screen.text()).toBe("");
  });

  test("follows the size of the terminal", async () => {
    await using screen = onScreen(["host", "status", "--watch", "--interval", "3600"]);
    expect(await screen.shows("web2")).toContain(" OUT\n");
    screen.resize(40, 24);
    await screen.shows(/^GUEST +STATE +SINCE +AGENT +RUN +DONE *$/m);
    screen.resize(80, 3);
    expect(await screen.shows("more than this screen shows")).toContain("GUEST");
  });

  test("shows that the daemon is gone, and that it is back", async () => {
    await using other = await createStage();
    const env = { NEGOTIATOR_CONFIG: other.at("host.toml") };
    await using screen = launchOnScreen(["host", "status", "-w", "--interval", "0.1"], { env });
    await screen.shows("web1");
    other.host.daemon.kill("SIGKILL");
    await screen.shows("No daemon of negotiator listens");
    await other.host.start();
    await screen.shows("web1");
  });

  test("without a terminal writes the lines again and again, up to a signal", async () => {
    await using watch = stage.host.launch(["status", "web1", "--watch", "--interval", "0.1"]);
    let text = "";
    await until("two lines have come", async () => {
      text += new TextDecoder().decode(await watch.read());
      return text.split("web1: open").length > 2;
    });
    watch.kill("SIGTERM");
    expect(await watch.exited).toBe(0);
  });
});

describe("wrong usage", () => {
  test.each([
    [["--interval", "2"], 2, "--interval needs --watch"],
    [["--watch", "--interval", "0"], 2, "--interval must be at least 0.1"],
    [["--watch", "--interval", "soon"], 2, "--interval must be a number of seconds"],
    [["--check", "--watch"], 3, "exclude each other"],
    [["--check", "--nonsense"], 3, "unknown option"],
    [["--check", "web1", "web2"], 3, "surplus word"],
  ])("%j exits with %d", async (words, exitCode, message) => {
    const ended = await stage.host.run(["status", ...words]);
    expect(ended).toMatchObject({ exitCode, stderr: expect.stringContaining(message) });
  });
});

describe("--check", () => {
  test("exits with 0 while nothing is wrong, for both roles", async () => {
    expect(await stage.host.run(["status", "--check"])).toMatchObject({
      exitCode: 0,
      stdout: "ok: all guests that run: nothing is wrong\n",
    });
    expect(await stage.guest().run(["status", "--check", "--json"])).toMatchObject({
      exitCode: 0,
      stdout: '{"level":"ok","findings":[]}\n',
    });
  });

  test("exits with 2 without a daemon or guest, and when the policy denies everything", async () => {
    await using other = await createStage({ withoutDaemons: true });
    expect(await other.host.run(["status", "--check"])).toMatchObject({
      exitCode: 2,
      stdout: expect.stringMatching(/^problem: No daemon of negotiator listens at .*\n$/),
    });
    await other.host.setPolicy("bad");
    await other.host.start();
    expect(await other.host.run(["status", "--check"])).toMatchObject({
      exitCode: 2,
      stdout: expect.stringMatching(/^problem: Every call is denied here: .*\nwarning: web1: waiting\n$/),
    });
    expect(await other.host.run(["status", "--check", "web1", "--json"])).toMatchObject({
      exitCode: 2,
      stdout: expect.stringContaining('{"level":"problem","name":"web1","message":"waiting"}'),
    });
    expect(await other.host.run(["status", "--check", "web9"])).toMatchObject({
      exitCode: 2,
      stdout: expect.stringContaining('"web9"'),
    });
  });
});

test("a failing finder stands above the table with its time, and is a problem for monitoring", async () => {
  await using directory = await createTemporaryDirectory();
  const config = await directory.write(
    "host.toml",
    `audit.file = "${directory.at("audit.jsonl")}"
policyFile = "${directory.at("policy.toml")}"
[host]
control = "${directory.at("host.sock")}"
libvirt = "yes"
connect = "qemu+unix:///system?socket=${directory.at("nothing")}"
qemu = "no"
`,
  );
  const env = { NEGOTIATOR_CONFIG: config };
  await using _ = launchDaemon(["host", "daemon"], env);
  const status = async (...words: string[]) => {
    await using run = launch(["host", "status", ...words], { env });
    return await run.ended();
  };
  const { stderr } = await until("the daemon knows the problem", async () => {
    const ended = await status();
    return ended.stderr.includes("libvirt at") && ended;
  });
  expect(stderr).toMatch(/^negotiator: Cannot .*libvirt at .* \(since \S+Z, \d+ s\)$/m);
  expect(await status("--check")).toMatchObject({
    exitCode: 2,
    stdout: expect.stringMatching(/^problem: Cannot .*libvirt at /m),
  });
  await using screen = launchOnScreen(["host", "status", "--watch"], { env, columns: 60 });
  await screen.shows(/libvirt[^]*\(since\s+\S+Z,\s+\d+ s\)/);
});
