/** Checks each line of the log: all fields, no secret, nothing on stdout, no control characters. */
import { afterEach, describe, expect, setSystemTime, spyOn, test } from "bun:test";
import { join } from "node:path";
import { setLinePrefix, configureLog, LOG_LEVELS, logFor, shiftLevel } from "../src/log.ts";
import type { LogFields, LogFormat, LogLevel } from "../src/log.ts";
import { standardOutput } from "../src/standard-output.ts";
import { runProcess } from "./support/program-run.ts";
import { spyOnOutput } from "./support/spied-output.ts";
import { createTemporaryDirectory } from "./support/temporary-directory.ts";

const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;
const log = logFor("test");

afterEach(() => {
  configureLog({ level: "info", format: "text" });
  setLinePrefix("none");
});

async function linesOf(level: LogLevel, format: LogFormat, writeLog: () => void): Promise<string[]> {
  configureLog({ level, format });
  const { stdout, stderr } = await spyOnOutput(writeLog);
  expect(stdout).toBe("");
  const lines = stderr.split("\n");
  expect(lines.pop()).toBe("");
  return lines;
}

async function recordOf(message: string, fields: LogFields): Promise<LogFields> {
  const [line = "", ...others] = await linesOf("info", "json", () => log.info(message, fields));
  expect(others).toEqual([]);
  expect(line).not.toMatch(UNSAFE);
  const record: LogFields = JSON.parse(line);
  return record;
}

function logAtEveryLevel(): void {
  for (const level of LOG_LEVELS) if (level !== "silent") log[level](`at ${level}`);
}

describe.each(["text", "json"] as const)("in the format %s", (format) => {
  test.each(LOG_LEVELS.map((level, index) => [level, LOG_LEVELS.slice(1, index + 1)] as const))(
    "level %s writes the lines %j",
    async (level, written) => {
      const lines = await linesOf(level, format, logAtEveryLevel);
      expect(lines).toEqual(written.map((word) => expect.stringContaining(`at ${word}`)));
    },
  );

  test("50 equal lines in a row are all written", async () => {
    const lines = await linesOf("info", format, () => {
      for (let count = 0; count < 50; count++) log.warn("the same", { n: 1 });
    });
    expect(lines).toHaveLength(50);
    for (const line of lines) expect(line).toContain("the same");
  });

  test("20 equal lines are all written when the clock is set back before each", async () => {
    const lines = await linesOf("info", format, () => {
      for (let count = 20; count > 0; count--) {
        setSystemTime(new Date(count * 10_000));
        log.warn("the same");
      }
      setSystemTime();
    });
    expect(lines).toHaveLength(20);
  });

  test("fields that contain themselves, a big integer or a function do not prevent the line", async () => {
    const circle: Record<string, unknown> = { name: "circle" };
    circle["self"] = circle;
    const list: unknown[] = [];
    list.push(list);
    const bare: unknown = Object.create(null);
    const fields = { circle, list, bare, big: 2n ** 64n, missing: undefined, nothing: null, f: () => 1 };
    const [line, ...others] = await linesOf("info", format, () => log.info("odd", fields));
    expect(others).toEqual([]);
    expect(line).toContain("odd");
    expect(line).toContain("18446744073709551616");
  });

  test("values of names such as password and apiToken are hidden at any depth", async () => {
    const secret = "s3cret-value";
    const fields = {
      password: secret,
      apiToken: secret,
      private_key: { pem: secret },
      options: { user: "root", dbPasswd: secret, list: [{ clientSecret: secret }] },
    };
    const [line] = await linesOf("info", format, () => log.info("connected", fields));
    expect(line).not.toContain(secret);
    expect(line).toContain("(hidden)");
    expect(line).toContain("root");
  });
});

describe("a text line", () => {
  test("shows level, module, message and fields", async () => {
    const lines = await linesOf("info", "text", () => log.warn("lost", { guest: "web 1", attempt: 2 }));
    expect(lines).toEqual(['WARN test: lost guest="web 1" attempt=2']);
  });

  test("indents the further lines of its message, so that they do not look like log lines", async () => {
    const lines = await linesOf("info", "text", () => log.error("Cannot open\nERROR test: forged"));
    expect(lines).toEqual(["ERROR test: Cannot open", "  ERROR test: forged"]);
  });

  test("begins with the time after setLinePrefix(time)", async () => {
    setLinePrefix("time");
    const lines = await linesOf("info", "text", () => log.warn("lost\nand found"));
    expect(lines).toEqual([
      expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARN test: lost$/),
      "  and found",
    ]);
  });

  test("begins with its priority after setLinePrefix(priority), in every line of its message", async () => {
    setLinePrefix("priority");
    const lines = await linesOf("trace", "text", () => {
      logAtEveryLevel();
      log.warn("lost\nand found");
    });
    expect(lines.map((line) => line.slice(0, 3))).toEqual(["<3>", "<4>", "<6>", "<7>", "<7>", "<4>", "<4>"]);
    expect(lines.slice(-2)).toEqual(["<4>WARN test: lost", "<4>  and found"]);
  });

  test("shows control characters of its message and fields escaped", async () => {
    const hostile = "\u001b[2J\u009b\u202e\r\u2028";
    const lines = await linesOf("info", "text", () => log.info(hostile, { guest: `${hostile}\n` }));
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(UNSAFE);
    expect(lines[0]).toStartWith("INFO test: \\x1b[2J\\x9b\\u202e\\r\\u2028");
  });
});

describe("a JSON line", () => {
  test("starts with time, level, module and message, and has every field", async () => {
    const fields = { guest: "web1", nested: { a: [1, null, true], at: new Date(0) }, constructor: 1 };
    const record = await recordOf("hello", fields);
    expect(record).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      level: "info",
      module: "test",
      message: "hello",
      guest: "web1",
      nested: { a: [1, null, true], at: "1970-01-01T00:00:00.000Z" },
      constructor: 1,
    });
    expect(Object.keys(record).slice(0, 4)).toEqual(["time", "level", "module", "message"]);
  });

  test("renames a field called time, level, module or message to fields.NAME", async () => {
    const fields = { time: 1, level: "high", module: "virtio", message: "theirs", args: [1], type: "x" };
    expect(await recordOf("ours", fields)).toMatchObject({
      level: "info",
      module: "test",
      message: "ours",
      "fields.time": 1,
      "fields.level": "high",
      "fields.module": "virtio",
      "fields.message": "theirs",
      args: [1],
      type: "x",
    });
  });

  test("shows an error as its message without the stack, at any depth", async () => {
    const record = await recordOf("failed", { error: new Error("outer"), all: [new TypeError("inner")] });
    expect(record).toMatchObject({ error: "outer", all: ["inner"] });
    expect(JSON.stringify(record)).not.toContain("log.test.ts");
  });

  test("escapes control characters so that JSON.parse returns the same text", async () => {
    const hostile = "\u0000\n\u001b[2J\u007f\u0085\u009b\u061c\u202e\u2028é😀";
    const record = await recordOf(hostile, { guest: hostile, [hostile]: 1 });
    expect(record).toMatchObject({ message: hostile, guest: hostile, [hostile]: 1 });
  });

  test("keeps a field called __proto__ as a plain member", async () => {
    const record = await recordOf("x", JSON.parse('{ "__proto__": { "polluted": true } }'));
    expect(Object.getOwnPropertyNames(record)).toContain("__proto__");
    expect(record).not.toHaveProperty("polluted");
  });
});

describe("configureLog", () => {
  test("changes the level and the format of logs that were made before it", async () => {
    const earlier = logFor("earlier");
    const lines = await linesOf("debug", "json", () => earlier.debug("x"));
    expect(lines).toEqual([expect.stringContaining('"level":"debug","module":"earlier","message":"x"')]);
  });

  test("sets the level and the format of logs that are made after it", async () => {
    const lines = await linesOf("debug", "json", () => logFor("later").debug("x"));
    expect(lines).toEqual([expect.stringContaining('"level":"debug","module":"later","message":"x"')]);
  });

  test("works for two logs of the same module", async () => {
    const logs = [logFor("twice"), logFor("twice")];
    const lines = await linesOf("info", "text", () => logs.forEach((each) => each.info("x")));
    expect(lines).toEqual(["INFO twice: x", "INFO twice: x"]);
  });
});

test.each([
  ["info", 0, "info"],
  ["info", 1, "debug"],
  ["info", 2, "trace"],
  ["info", 3, "trace"],
  ["info", 1000, "trace"],
  ["info", -1, "warn"],
  ["info", -2, "error"],
  ["info", -3, "silent"],
  ["info", -1000, "silent"],
  ["silent", 1, "error"],
  ["trace", -1, "debug"],
] as const)("level %s shifted by %d is %s", (level, steps, shifted) => {
  expect(shiftLevel(level, steps)).toBe(shifted);
});

test("CONSOLA_LEVEL, FORCE_COLOR, DEBUG and NODE_ENV change nothing about the log", async () => {
  await using directory = await createTemporaryDirectory();
  const source = JSON.stringify(join(import.meta.dir, "../src/log.ts"));
  const script = await directory.write(
    "log-all.ts",
    `import { configureLog, LOG_LEVELS, logFor } from ${source};
     const writeAll = () => LOG_LEVELS.slice(1).forEach((level) => logFor("t")[level]("x"));
     writeAll();
     configureLog({ level: "trace", format: "text" });
     writeAll();`,
  );
  const environment = { CONSOLA_LEVEL: "1", FORCE_COLOR: "1", DEBUG: "1", NODE_ENV: "test" };
  const { exitCode, stdout, stderr } = await runProcess([process.execPath, script], environment);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
  const levels = ["ERROR", "WARN", "INFO", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
  expect(stderr).toBe(levels.map((level) => `${level} t: x\n`).join(""));
});

test.each(["text", "json"] as const)(
  "lines that the reader does not take are bounded, and their number is logged: %s",
  async (format) => {
    configureLog({ level: "info", format });
    const { promise, resolve } = Promise.withResolvers<boolean>();
    let bytes = 0;
    const spy = spyOn(standardOutput, "write").mockImplementation((_name, text) => {
      bytes += text.length;
      return promise;
    });
    const message = "x".repeat(1000);
    const most = 2 * 1024 * 1024;
    for (let count = 0; count < most / message.length; count++) log.info(message);
    spy.mockRestore();
    expect(bytes).toBeWithin(most / 4, most * 0.75);
    resolve(true);
    await promise;
    const lines = await linesOf("info", format, () => log.info("after"));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/\d{3,4} lines are lost: the reader of the log stood still/);
    expect(lines[1]).toContain("after");
  },
);
