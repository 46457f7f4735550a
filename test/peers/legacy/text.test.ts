/** The texts of the original: the blanks that it strips, its failure texts, and our reading of both. */
import { describe, expect, test } from "bun:test";
import type { ExecuteResult } from "../../../src/methods/execute-schemas.ts";
import { readLegacyObject } from "../../../src/peers/legacy/answer-reader.ts";
import { createOutputText } from "../../../src/peers/legacy/output-text.ts";
import { finishCommand } from "../../../src/peers/legacy/served-execute.ts";
import { createFailureText } from "../../../src/peers/legacy/failure-text.ts";
import { readLegacyFailure, toLegacyRefusal } from "../../../src/peers/legacy/text.ts";
import type { LegacyExit } from "../../../src/peers/legacy/text.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { chooseSeed, createRandom } from "../../support/random.ts";
import { errorOf } from "../../support/error-of.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const refuse = (code: "DENIED" | "NO_COMMAND" | "NOT_EXECUTABLE"): string =>
  toLegacyRefusal(new NegotiatorError(code, "because"), ["x"]);
/** The end of a command and its output. */
type LegacyEnd = { exit: LegacyExit; output: string };
const exited = (exitCode: number, output = ""): LegacyEnd => ({ exit: { exitCode, signal: null }, output });
const ended: ExecuteResult = { exitCode: 0, signal: null, endedBy: "command", durationMs: 1 };

/** The text that an old caller gets for a command with this end and this output. */
function toLegacyText(result: ExecuteResult, words: readonly string[], stdout: Uint8Array): string {
  const output = createOutputText();
  output.add(stdout);
  const served = finishCommand(result, words, output);
  return `${served.words}${Buffer.concat([...served.output.toText()]).toString()}`;
}

const toLegacyResult = (stdout: Uint8Array): string => toLegacyText(ended, ["x"], stdout);

/** The end in a failure text, and the output in it with a line end. */
function readFailure(text: string): LegacyEnd {
  const parts: Uint8Array[] = [];
  const failure = createFailureText(async (part) => void parts.push(part));
  void failure.push(bytes(text));
  const output = Buffer.concat(parts).toString();
  return { exit: readLegacyFailure(failure, "x"), output: output === "" ? "" : `${output}\n` };
}

/** The output in an answer with this result. */
async function readResult(result: string): Promise<string> {
  const parts: Uint8Array[] = [];
  const write = async (part: Uint8Array): Promise<void> => void parts.push(part);
  const channel = (async function* () {
    yield bytes(JSON.stringify({ result, success: true }));
  })();
  await readLegacyObject(channel, { write, limitBytes: Infinity });
  return Buffer.concat(parts).toString();
}

describe("a result", () => {
  const RESULTS = [
    ["", ""],
    ["\n", ""],
    ["\n\n\n", ""],
    ["one\n", "one"],
    ["  one \t\r\n\n", "one"],
    ["one\ntwo", "one\ntwo"],
    [" one\ntwo \n\n", " one\ntwo \n\n"],
    ["\n\n a\nb \n\n\n", "\n\n a\nb \n\n\n"],
    ["a\rb\n", "a\rb"],
    ["a\u2028b\n", "a\u2028b"],
    ["a\0b\n", "a\0b"],
    ["\ufeffbom\n", "\ufeffbom"],
  ] as const;
  test.each(RESULTS)("the output %j becomes the result %j", (stdout, result) => {
    expect(toLegacyResult(bytes(stdout))).toBe(result);
  });

  test("a result loses the blanks of Python 2.7 and no other characters", () => {
    // From CPython 2.7.18: [c for c in range(0x10000) if unichr(c).strip() == u""]
    const ranges = [
      [0x9, 0xd],
      [0x1c, 0x20],
      [0x85, 0x85],
      [0xa0, 0xa0],
      [0x1680, 0x1680],
      [0x180e, 0x180e],
    ];
    ranges.push([0x2000, 0x200a], [0x2028, 0x2029], [0x202f, 0x202f], [0x205f, 0x205f], [0x3000, 0x3000]);
    for (let code = 1; code < 0x10000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue;
      const isBlank = ranges.some(([first = 0, last = 0]) => code >= first && code <= last);
      const char = String.fromCharCode(code);
      const result = toLegacyResult(bytes(`${char}x${char}`));
      if (result !== (isBlank ? "x" : code === 0x0a ? "" : `${char}x${char}`)) {
        expect({ code: code.toString(16), result }).toEqual({ code: "", result: "" });
      }
    }
  });

  test("a result with 4 MiB of blanks keeps them between its words", () => {
    const blanks = `x${" ".repeat(4 * 1024 * 1024)}x\n`;
    expect(toLegacyResult(bytes(blanks))).toHaveLength(blanks.length - 1);
  });

  test.each(RESULTS)(
    "the output %j is read back as its result %j, with a line end after a single line",
    async (stdout, result) => {
      const isOneLine = !result.includes("\n");
      expect(await readResult(toLegacyResult(bytes(stdout)))).toBe(
        isOneLine && result !== "" ? `${result}\n` : result,
      );
    },
  );

  test("random output of several lines is read back unchanged", async () => {
    const seed = chooseSeed();
    const random = createRandom(seed);
    for (let round = 0; round < 500; round++) {
      const piece = (): string =>
        Array.from({ length: random.below(6) }, () => random.pick([" ", "x", "\t", "\n", "\u0085"])).join("");
      const stdout = `${piece()}x\n${piece()}x${piece()}`;
      expect({ seed, read: await readResult(toLegacyResult(bytes(stdout))) }).toEqual({ seed, read: stdout });
    }
  });

  // From CPython 2.7.18, for these bytes.
  const BAD = [
    [[0xff], "byte 0xff in position 0: invalid start byte"],
    [[0x61, 0x80], "byte 0x80 in position 1: invalid start byte"],
    [[0xc3, 0x28], "byte 0xc3 in position 0: invalid continuation byte"],
    [[0xc0, 0x80], "byte 0xc0 in position 0: invalid start byte"],
    [[0xef, 0xbf, 0xbd, 0xff], "byte 0xff in position 3: invalid start byte"],
    [[0xe2, 0x98, 0x83, 0xf5], "byte 0xf5 in position 3: invalid start byte"],
  ] as const;
  test.each(BAD)("the output bytes %j are refused with Python's text: %s", (input, reason) => {
    const { code, message } = errorOf(() => toLegacyResult(Uint8Array.from(input)));
    expect(code).toBe("BAD_REQUEST");
    expect(message).toBe(`'utf8' codec can't decode ${reason}`);
  });

  test("the refusal of invalid UTF-8 names its position in random text", () => {
    const seed = chooseSeed();
    const random = createRandom(seed);
    for (let round = 0; round < 500; round++) {
      const before = Array.from({ length: random.below(20) }, () =>
        random.pick(["a", "é", "☃", "😀", "\ufffd", "\n"]),
      );
      const good = bytes(before.join(""));
      const bad = random.pick([[0xff], [0xc3], [0xe2, 0x98], [0xef, 0xbf], [0x80]]);
      const { message } = errorOf(() => toLegacyResult(Buffer.concat([good, Uint8Array.from(bad)])));
      expect({ seed, round, message }).toMatchObject({
        message: expect.stringContaining(` in position ${good.length}: `),
      });
    }
  });
});

describe("the end of a command", () => {
  test("a failure text of ours is read back as the same exit code, signal and output", () => {
    const seed = chooseSeed();
    const random = createRandom(seed);
    for (let round = 0; round < 500; round++) {
      const exit = random.oneIn(3)
        ? { exitCode: null, signal: random.pick(["SIGKILL", "SIGTERM", "SIGHUP", "SIGSEGV"]) }
        : { exitCode: 1 + random.below(255), signal: null };
      const words = Array.from({ length: 1 + random.below(4) }, () =>
        random.pick(["a", "two words", "q'q", "", "é\n"]),
      );
      const output = random.pick(["", "one\n", " a \n b \n", "Standard output:\n"]);
      const text = toLegacyText({ ...ended, ...exit }, words, bytes(output));
      const quoted = output === "" ? "" : `${output.trim()}\n`;
      expect({ seed, text, end: readFailure(text) }).toMatchObject({
        end: { exit, output: quoted },
      });
    }
  });

  // The original's texts, with executor 4.5, with a release between 7.4 and 19.0, or with 20.0.
  const PATH = "/usr/lib/negotiator/commands/x";
  const SEARCH_PATH = "['/usr/bin', '/bin']";
  const UNDERSTOOD: [string, LegacyEnd][] = [
    [`External command failed with exit code 3! (command: ${PATH} y)`, exited(3)],
    [`External command failed with exit code 3! (command: bash -c ${PATH})`, exited(3)],
    [`External command failed with exit code 126! (command: ${PATH} y)`, exited(126)],
    [`External command failed with exit code 127! (command: ${PATH} y)`, exited(127)],
    [`External command failed with exit code 126!\n\nCommand:\n${PATH} bash -c`, exited(126)],
    [`External command failed with exit code 128!\n\nCommand:\nbash -c ${PATH}`, exited(128)],
    [
      `External command failed with exit code 126!\n\nCommand:\nbash -c ${PATH}\n\nStandard output:\nout`,
      exited(126, "out\n"),
    ],
    [
      `External command isn't available!\n\nCommand:\n${PATH} y\n\nSearch path:\n${SEARCH_PATH}` +
        "\n\nStandard output:\n1\n2",
      exited(127, "1\n2\n"),
    ],
    [
      `External command failed with exit code -15! (command: bash -c ${PATH})`,
      { exit: { exitCode: null, signal: "SIGTERM" }, output: "" },
    ],
  ];
  test.each(UNDERSTOOD)("the failure text %j is read as the end %j", (text, end) => {
    expect(readFailure(text)).toEqual(end);
  });

  const ITSELF = "or it chose that exit code itself";
  const FAILED = 'The command "x" failed with exit code';
  const MISSED = `${FAILED} 127: the old agent did not find it or its interpreter, ${ITSELF}`;
  const UNABLE = `${FAILED} 126: the old agent could not execute it, ${ITSELF}`;
  const AMBIGUOUS = [
    [
      `External command isn't available!\n\nCommand:\n${PATH} y\n\nSearch path:\n${SEARCH_PATH}`,
      "NO_COMMAND",
      MISSED,
    ],
    [
      `External command isn't available! (command: bash -c ${PATH}, search path: ${SEARCH_PATH})`,
      "NO_COMMAND",
      MISSED,
    ],
    [`External command failed with exit code 127! (command: bash -c ${PATH})`, "NO_COMMAND", MISSED],
    [`External command failed with exit code 126! (command: bash -c ${PATH})`, "NOT_EXECUTABLE", UNABLE],
    [`External command failed with exit code 126!\n\nCommand:\nbash -c ${PATH}`, "NOT_EXECUTABLE", UNABLE],
    [
      "[Errno 2] No such file or directory",
      "NO_COMMAND",
      'Cannot run "x": the old agent did not find it, or what starts it, such as its interpreter',
    ],
    ["[Errno 13] Permission denied", "NOT_EXECUTABLE", 'Cannot run "x": the old agent could not execute it'],
    ["[Errno 8] Exec format error", "NOT_EXECUTABLE", 'Cannot run "x": the old agent could not execute it'],
  ] as const;
  test.each(AMBIGUOUS)("the ambiguous failure text %j is %s", (text, code, line) => {
    const error = errorOf(() => readFailure(text));
    expect(error.code).toBe(code);
    expect(error.message).toStartWith(`${line}\n`);
    const inOneLine = text.replaceAll(/\n+/g, "; ").toLowerCase();
    expect(error.message.toLowerCase()).toEndWith(`the old agent reports: ${inOneLine}`);
    expect(error.message.includes("list-commands")).toBe(code === "NO_COMMAND");
  });

  const NO_END = [
    "[Errno 2] No such file or directory: '/dev/null'",
    "[Errno 13] Permission denied: '/dev/null'",
    "[Errno 130] Owner died",
    "[Errno 7] Argument list too long",
    "the file is gone: [Errno 2] No such file or directory",
    "tuple index out of range",
    "'utf8' codec can't decode byte 0xff in position 1: invalid start byte",
    "External command was ended at its deadline!",
    "external command failed with exit code 3!",
    "External command failed with exit code three!",
    "External command failed with exit code 0!",
    "",
  ];
  test.each(NO_END)("the unknown failure text %j is INTERNAL and quoted", (text) => {
    const { code, message } = errorOf(() => readFailure(text));
    expect({ code, message }).toEqual({ code: "INTERNAL", message: `The old agent reports: ${text}` });
  });

  test("a long failure text is cut and kept in one line, and the output in it stays whole", () => {
    const long = "no\nnegotiator: Done.\n".repeat(100_000);
    for (const text of [
      long,
      `[Errno 2] ${long.replaceAll(":", "")}`,
      `External command isn't available!${long}`,
    ]) {
      const lines = errorOf(() => readFailure(text)).message.split("\n");
      expect(lines.filter((line) => line.startsWith("negotiator"))).toEqual([]);
      expect(lines.length).toBeLessThan(3);
      expect(lines.join("").length).toBeLessThan(2500);
    }
    const text = `External command failed with exit code 3!\n\nCommand:\nx\n\nStandard output:\n${long}`;
    expect(readFailure(text).output).toBe(`${long}\n`);
  });

  test("control characters in a command's name are escaped in the message", () => {
    const { message } = errorOf(() =>
      readLegacyFailure({ text: "[Errno 2] No such file or directory", hasOutput: false }, "a\x1b\nb"),
    );
    expect(message).toStartWith('Cannot run "a\\x1b\\nb": ');
  });

  test("a failure text quotes arguments as Python's pipes.quote does", () => {
    const text = toLegacyText(
      { ...ended, exitCode: 1 },
      ["a", "", "two words", "q'q", "x@%_-+=:,./", "$HOME", "é"],
      bytes(""),
    );
    expect(text).toEndWith(`\n\nCommand:\na '' 'two words' 'q'"'"'q' x@%_-+=:,./ '$HOME' 'é'`);
  });

  test("a deadline, a denial and a missing command have failure texts", () => {
    const late = toLegacyText(
      { ...ended, exitCode: null, signal: "SIGTERM", endedBy: "deadline" },
      ["x"],
      bytes("o"),
    );
    expect(late).toBe("External command was ended at its deadline!\n\nCommand:\nx");
    expect(refuse("DENIED")).toBe("because");
    expect(refuse("NO_COMMAND")).toBe("External command isn't available!\n\nCommand:\nx");
    expect(refuse("NOT_EXECUTABLE")).toBe("External command failed with exit code 126!\n\nCommand:\nx");
  });
});
