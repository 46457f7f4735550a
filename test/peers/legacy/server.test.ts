/** The daemon's answers to an old peer: the original's results without its holes, under policy and audit. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createAnswerMemory } from "../../../src/peers/answer-memory.ts";
import { createOldClient, frame } from "../../support/old-client.ts";
import type { OldClient } from "../../support/old-client.ts";
import { chooseSeed, createRandom } from "../../support/random.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { until } from "../../support/until.ts";
import { createServedStage } from "./served-stage.ts";
import type { ServedStage, ServedStageOptions } from "./served-stage.ts";

setDefaultTimeout(180_000);

type Stage = ServedStage & { client: OldClient };

/** A host's daemon for the guest web1, and the guest's client. */
async function createStage(options?: ServedStageOptions): Promise<Stage> {
  const stage = await createServedStage(options);
  return { ...stage, client: createOldClient(stage.channel) };
}

const result = (value: unknown): object => ({ result: value, success: true });
const error = (text: string): object => ({ success: false, error: text });

describe("requests of the original's programs", () => {
  const CALLS: [string, unknown[], Record<string, unknown>, object][] = [
    ["one line, stripped", ["show", "a b"], { capture: true }, result("[a b]")],
    ["several lines as they are", ["show", "1", "2"], { capture: true }, result("[1]\n[2]\n")],
    ["no output", ["show"], {}, result("")],
    ["input", ["cat"], { input: " é\n\n" }, result("é")],
    ["no input", ["cat"], { input: null }, result("")],
    [
      "an exit code",
      ["fail", "x"],
      {},
      error("External command failed with exit code 3!\n\nCommand:\nfail x\n\nStandard output:\nout"),
    ],
    ["a signal", ["die"], {}, error("External command failed with exit code -9!\n\nCommand:\ndie")],
    ["no such command", ["none"], {}, error("External command isn't available!\n\nCommand:\nnone")],
    ["a path is its last part", ["/some/where/show", "x"], {}, result("[x]")],
    ["the same again, as one connection has many calls", ["show", "x"], {}, result("[x]")],
    ["whose guest it is", ["guest"], {}, result("host web1")],
    ["unknown keywords", ["show", "x"], { capture: false, shell: true, user: "root" }, result("[x]")],
  ];
  test("twelve requests of the original's programs get the original's answers", async () => {
    await using stage = await createStage();
    for (const [what, args, kw, answer] of CALLS)
      expect([what, await stage.client.call("execute", args, kw)]).toEqual([what, answer]);
    expect(await stage.client.call("list_commands")).toEqual(
      result(expect.arrayContaining(["cat", "die", "fail", "find-ip-addresses", "show"])),
    );
  });
});

describe("holes of the original", () => {
  test("shell syntax in a name finds no command, and in an argument stays text", async () => {
    await using stage = await createStage();
    for (const name of ["show; id", "$(id)", "show|id", "`id`", "show\nid", "..", ".", "", "show ", "/"]) {
      const answer = await stage.client.call("execute", [name]);
      expect([name, answer]).toEqual([name, expect.objectContaining({ success: false })]);
    }
    expect(await stage.client.call("execute", ["show", "$(id)", ";", "`id`"])).toEqual(
      result("[$(id)]\n[;]\n[`id`]\n"),
    );
  });

  test("names of the original's Python methods are refused as not supported", async () => {
    await using stage = await createStage();
    const names =
      "prepare_environment read write raw_read raw_readline raw_write call_remote_method enter_main_loop";
    for (const name of [
      ...names.split(" "),
      "retry_open",
      "__class__",
      "list-commands",
      "info",
      "execute ",
      "",
      "ï",
    ]) {
      expect(await stage.client.call(name, ["/tmp/x", "w"])).toEqual(error(`Method ${name} not supported`));
    }
  });

  test("failures hide paths and permissions from the peer, and the audit has them", async () => {
    await using stage = await createStage();
    await stage.plant("plain", "#!/bin/sh\n", 0o644);
    await stage.plant("open", "#!/bin/sh\n", 0o777);
    await stage.plant("described", "#!/bin/sh\n", 0o755);
    await stage.plant("described.toml", "nonsense = 1\n", 0o644);
    const { result: answers } = await spyOnOutput(async () => {
      const received: unknown[] = [];
      for (const name of ["plain", "open", "described"])
        received.push(await stage.client.call("execute", [name]));
      return received;
    });
    const notExecutable = "External command failed with exit code 126!\n\nCommand:\n";
    expect(answers).toEqual([
      error(`${notExecutable}plain`),
      error(`${notExecutable}open`),
      error(
        'Cannot run "described": its file described.toml has a mistake\n' +
          "Read the log on the host, at the daemon's terminal or with: journalctl -u negotiator-host",
      ),
    ]);
    const problems = (await stage.audit(3)).map(({ problem }) => problem);
    expect(problems).toEqual([
      expect.stringMatching(/^Cannot run "\/.*\/plain": it has no executable bit\nSet it with: chmod 755 \//),
      expect.stringMatching(/^Cannot run "\/.*\/open": its group or everybody may write to it\nCorrect it/),
      expect.stringMatching(/^Cannot use \/.*\/described\.toml:/),
    ]);
  });

  test("arguments and input of wrong types are refused with a message", async () => {
    await using stage = await createStage();
    for (const args of [[], [1], ["show", 1], [null], [["show"]]])
      expect(await stage.client.call("execute", args)).toEqual(error(expect.stringContaining("as text")));
    for (const name of ["", "/", "show/"]) {
      const answer = await stage.client.call("execute", [name, "x"]);
      expect([name, answer]).toEqual([name, error('Cannot call "execute": command: it is empty')]);
    }
    expect(await stage.client.call("execute", ["cat"], { input: 5 })).toEqual(error("input has to be text"));
    const tooMany = await stage.client.call("execute", ["show", ...Array.from({ length: 5000 }, () => "x")]);
    expect(tooMany).toMatchObject({ success: false });
    expect(await stage.client.call("execute", ["show", "nul\0"])).toMatchObject({ success: false });
  });

  test("a command that writes over 256 KiB fails, and the next request is answered", async () => {
    await using stage = await createStage();
    expect(await stage.client.call("execute", ["spew"])).toEqual(
      error("The command wrote more than 262144 bytes"),
    );
    expect(await stage.client.call("execute", ["show", "next"])).toEqual(result("[next]"));
  });
});

describe("a request whose members have another form", () => {
  const REQUESTS: [string, object][] = [
    ["args that are text", { method: "execute", args: "show" }],
    ["args that are a number", { method: "execute", args: 5 }],
    ["args that are null", { method: "execute", args: null }],
    ["args that are an object", { method: "execute", args: { 0: "show" } }],
    ["kw that is a list", { method: "execute", args: ["show"], kw: [] }],
    ["kw that is text", { method: "execute", args: ["show"], kw: "capture" }],
    ["kw that is null", { method: "list_commands", args: [], kw: null }],
    ["args that are text, of an unknown method", { method: "none", args: "show" }],
  ];
  test.each(REQUESTS)("is answered at once with an error for %s", async (_, request) => {
    await using stage = await createStage();
    await stage.client.send(frame(request));
    await stage.client.send(frame({ method: "execute", args: ["show", "next"] }));
    expect(await stage.client.answer()).toMatchObject({
      success: false,
      error: expect.stringMatching(/"args"|"kw"/),
    });
    expect(await stage.client.answer()).toEqual(result("[next]"));
  });
});

describe("the standard error of a command", () => {
  const LINE = 'guest "web1": the command "fail" writes to standard error: err';

  test("is logged for an old caller, because that cannot take it", async () => {
    await using stage = await createStage();
    const { stderr } = await spyOnOutput(() => stage.client.call("execute", ["fail"]));
    expect(stderr).toContain(LINE);
  });

  test("is logged in escaped lines of a bounded length and number", async () => {
    await using stage = await createStage();
    await stage.plant(
      "noisy",
      "#!/bin/sh\nprintf 'a\\033[2Jb\\n' >&2\nhead -c 5000 /dev/zero | tr '\\0' y >&2\necho >&2\n" +
        "yes x | head -n 100000 >&2\nprintf end >&2\n",
      0o755,
    );
    const { stderr, result: answer } = await spyOnOutput(() => stage.client.call("execute", ["noisy"]));
    expect(answer).toEqual(result(""));
    const lines = stderr.split("\n").filter((line) => line.includes('"noisy" writes to standard error'));
    expect(lines[0]).toEndWith("a\\x1b[2Jb");
    expect(lines[1]).toEndWith("y…");
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(1200);
    expect(lines.length).toBeLessThan(300);
    expect(stderr).toMatch(
      /guest "web1": \d+ lines of standard error of the command "noisy" were not logged/,
    );
  });
});

describe("large output", () => {
  const MIB = 1024 * 1024;

  test("of 20 MiB arrives whole at an old caller, and the next request is answered", async () => {
    await using stage = await createStage({ limits: {} });
    await stage.plant("large", `#!/bin/sh\nyes 'x"é' | head -c ${20 * MIB}\n`, 0o755);
    const answer = Object(await stage.client.call("execute", ["large"]));
    expect({ success: answer.success, bytes: Buffer.byteLength(answer.result) }).toEqual({
      success: true,
      bytes: 20 * MIB,
    });
    expect(await stage.client.call("execute", ["show", "next"])).toEqual(result("[next]"));
  });

  test("of 20 MiB arrives in the error text of a command that fails", async () => {
    await using stage = await createStage({ limits: {} });
    await stage.plant("large", `#!/bin/sh\nhead -c ${20 * MIB} /dev/zero | tr '\\0' z\nexit 3\n`, 0o755);
    const answer = Object(await stage.client.call("execute", ["large"]));
    expect(answer.success).toBe(false);
    const [words, output] = answer.error.split("\n\nStandard output:\n");
    expect({ words, bytes: output.length }).toEqual({
      words: "External command failed with exit code 3!\n\nCommand:\nlarge",
      bytes: 20 * MIB,
    });
  });
});

const writing = (bytes: number): string => `#!/bin/sh\nhead -c ${bytes} /dev/zero | tr '\\0' z\n`;

describe("a limit of 300,000 bytes of output", () => {
  const limits = { foreignAnswerBytes: 300_000 };

  test("lets 300,000 bytes pass, refuses one more, and answers the next request", async () => {
    await using stage = await createStage({ limits });
    await stage.plant("right", writing(300_000), 0o755);
    await stage.plant("more", writing(300_001), 0o755);
    expect(await stage.client.call("execute", ["right"])).toEqual(result("z".repeat(300_000)));
    expect(await stage.client.call("execute", ["more"])).toEqual(
      error("The command wrote more than 300000 bytes"),
    );
    expect(await stage.client.call("execute", ["right"])).toEqual(result("z".repeat(300_000)));
  });

  test("holds for all callers together: a large output is BUSY, a small one is not", async () => {
    const answerMemory = createAnswerMemory(100_000);
    await using stage = await createStage({ limits, answerMemory });
    await stage.plant("large", writing(300_000), 0o755);
    await stage.plant("small", writing(200_000), 0o755);
    {
      using other = answerMemory.open();
      expect(other.take(362_000)).toBe(true);
      expect(await stage.client.call("execute", ["large"])).toEqual(
        error(expect.stringMatching(/^The outputs of other commands take the memory for old callers\n/)),
      );
      expect(await stage.client.call("execute", ["small"])).toEqual(result("z".repeat(200_000)));
    }
    expect(await stage.client.call("execute", ["large"])).toEqual(result("z".repeat(300_000)));
  });
});

describe("messages that killed the original", () => {
  const REQUEST = frame({ args: ["show", "alive"], method: "execute" });
  const JUNK: [string, string | Uint8Array][] = [
    ["an empty line", "\n"],
    ["no count", "hello\n"],
    ["a count of ten thousand billion", "1000000000000\n"],
    ["a count past every number", `${"9".repeat(400)}\n`],
    ["JSON that is not an object", '9\n"9 bytes"'],
    ["a body that is not JSON", "9\n{9 bytes}"],
    ["a request without a method", frame({ args: [] })],
    ["a method that is a number", frame({ method: 5 })],
    ["arguments that are text", frame({ method: "execute", args: "show" })],
    ["a line end after the request", `${frame({ method: "none" })}\n`],
    ["a frame that is too large", frame({ method: "execute", args: ["x".repeat(300_000)] })],
    ["a body that is not UTF-8", Buffer.from('5\n{"\xff"}', "latin1")],
  ];
  test.each(JUNK)("the next request is answered after %s", async (_, junk) => {
    await using stage = await createStage();
    await stage.client.send(junk);
    await stage.client.send(`\n${REQUEST}`);
    await answerOf(stage.client, "alive");
  });

  test("a count with blanks and leading zeros is accepted", async () => {
    await using stage = await createStage();
    await stage.client.send(`  00${REQUEST.replace("\n", "  \r\n")}`);
    expect(await stage.client.answer()).toEqual(result("[alive]"));
  });

  test("20 requests sent at once are answered in order", async () => {
    await using stage = await createStage();
    const words = Array.from({ length: 20 }, (_, index) => String(index));
    await stage.client.send(words.map((word) => frame({ args: ["show", word], method: "execute" })).join(""));
    for (const word of words) expect(await stage.client.answer()).toEqual(result(`[${word}]`));
  });

  test("requests between random bytes are answered", async () => {
    const seed = chooseSeed();
    const random = createRandom(seed);
    await using stage = await createStage();
    for (let round = 0; round < 20; round++) {
      const text = random.bytes(random.below(200));
      await stage.client.send(text);
      const word = `round-${round}`;
      await stage.client.send(`\n${frame({ args: ["show", word], method: "execute" })}`);
      await answerOf(stage.client, word).catch((cause: unknown) => {
        throw new Error(`round ${round} of seed ${seed}`, { cause });
      });
    }
  });
});

/** Reads until `show` has answered with the word. Answers to invalid requests come before that. */
async function answerOf(client: OldClient, word: string): Promise<void> {
  await until(`the answer "${word}" comes`, async () => {
    const answer = await client.answer().catch((thrown: Error) => {
      if (!thrown.message.startsWith('ProtocolError: the line is "{')) throw thrown;
    });
    return JSON.stringify(answer) === JSON.stringify(result(`[${word}]`));
  });
}

test("the policy denies an old peer's call, and the audit has all its calls", async () => {
  const policy =
    '[[rules]]\naction = "deny"\ncommands = ["fail"]\nreason = "not for guests"\n' +
    '[[rules]]\naction = "allow"\ncommands = ["show"]\n';
  await using stage = await createStage({ policy });
  const { client } = stage;
  expect(await client.call("execute", ["fail"])).toEqual(
    error('The host denies the command "fail": not for guests'),
  );
  expect(await client.call("execute", ["show", "x"], { input: "abc" })).toEqual(result("[x]"));
  expect(await client.call("execute", ["../fail"])).toMatchObject({ success: false });
  expect(await client.call("list_commands")).toEqual(result(["show"]));
  const peer = { guest: "web1" };
  await until("all is written down", async () => (await stage.audit()).length === 4);
  expect(await stage.audit()).toMatchObject([
    { peer, command: "fail", decision: "denied", errorCode: "DENIED" },
    {
      peer,
      command: "show",
      arguments: ["x"],
      decision: "allowed",
      exitCode: 0,
      direction: "incoming",
      bytes: { stdout: 4 },
    },
    { peer, command: "fail", decision: "denied" },
    { peer, method: "list-commands", decision: "allowed" },
  ]);
});
