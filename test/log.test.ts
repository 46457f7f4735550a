/** The log: levels, fields, hidden secrets, and escapes for control characters. Nothing goes to stdout. */
import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { setLinePrefix, configureLog, LOG_LEVELS, logFor, shiftLevel } from "../src/log.ts";
import type { LogFields, LogFormat, LogLevel } from "../src/log.ts";
import { runProcess } from "./support/source-run.ts";
import { spyOnOutput } from "./support/spied-output.ts";
import { createTemporaryDirectory } from "./support/temporary-directory.ts";

const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;
const log = logFor("test");

afterEach(() => {
  configureLog({ level: "info", format: "text" });
  setLinePrefix("none");
});

async function linesOf(level: LogLevel, format: LogFormat, talk: () => void): Promise<string[]> {
  configureLog({ level, format });
  const { stdout, stderr } = await spyOnOutput(talk);
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

describe.each(["text", "json"] as const)("as %s", (format) => {
  test.each(LOG_LEVELS.map((level, index) => [level, LOG_LEVELS.slice(1, index + 1)] as const))(
    "level %s logs %j",
    async (level, said) => {
      const lines = await linesOf(level, format, logAtEveryLevel);
      expect(lines).toEqual(said.map((word) => expect.stringContaining(`at ${word}`)));
    },
  );

  test("equal lines are all written", async () => {
    const lines = await linesOf("info", format, () => {
      for (let count = 0; count < 50; count++) log.warn("the same", { n: 1 });
    });
    expect(lines).toHaveLength(50);
    for (const line of lines) expect(line).toContain("the same");
  });

  test("a line is written for fields of any type", async () => {
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

  test("no secret is written, at any depth", async () => {
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

describe("text lines", () => {
  test("have level, module, message and fields", async () => {
    const lines = await linesOf("info", "text", () => log.warn("lost", { guest: "web 1", attempt: 2 }));
    expect(lines).toEqual(['WARN test: lost guest="web 1" attempt=2']);
  });

  test("the later lines of a message are indented, so that none looks like a separate message", async () => {
    const lines = await linesOf("info", "text", () => log.error("Cannot open\nERROR test: forged"));
    expect(lines).toEqual(["ERROR test: Cannot open", "  ERROR test: forged"]);
  });

  test("begin with the time if the prefix is time", async () => {
    setLinePrefix("time");
    const lines = await linesOf("info", "text", () => log.warn("lost\nand found"));
    expect(lines).toEqual([
      expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARN test: lost$/),
      "  and found",
    ]);
  });

  test("begin with the priority if the prefix is priority, also the later lines of a message", async () => {
    setLinePrefix("priority");
    const lines = await linesOf("trace", "text", () => {
      logAtEveryLevel();
      log.warn("lost\nand found");
    });
    expect(lines.map((line) => line.slice(0, 3))).toEqual(["<3>", "<4>", "<6>", "<7>", "<7>", "<4>", "<4>"]);
    expect(lines.slice(-2)).toEqual(["<4>WARN test: lost", "<4>  and found"]);
  });

  test("hostile text is shown escaped", async () => {
    const hostile = "\u001b[2J\u009b\u202e\r\u2028";
    const lines = await linesOf("info", "text", () => log.info(hostile, { guest: `${hostile}\n` }));
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(UNSAFE);
    expect(lines[0]).toStartWith("INFO test: \\x1b[2J\\x9b\\u202e\\r\\u2028");
  });
});

describe("JSON lines", () => {
  test("have time, level, module, message first, and every field", async () => {
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

  test("rename fields that have the name of a standard member", async () => {
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

  test("show errors as their message, at any depth, without a stack", async () => {
    const record = await recordOf("failed", { error: new Error("outer"), all: [new TypeError("inner")] });
    expect(record).toMatchObject({ error: "outer", all: ["inner"] });
    expect(JSON.stringify(record)).not.toContain("log.test.ts");
  });

  test("hostile text is escaped and reads back the same", async () => {
    const hostile = "\u0000\n\u001b[2J\u007f\u0085\u009b\u061c\u202e\u2028é😀";
    const record = await recordOf(hostile, { guest: hostile, [hostile]: 1 });
    expect(record).toMatchObject({ message: hostile, guest: hostile, [hostile]: 1 });
  });

  test("a field named __proto__ stays a field", async () => {
    const record = await recordOf("x", JSON.parse('{ "__proto__": { "polluted": true } }'));
    expect(Object.getOwnPropertyNames(record)).toContain("__proto__");
    expect(record).not.toHaveProperty("polluted");
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
] as const)("%s and %d steps is %s", (level, steps, shifted) => {
  expect(shiftLevel(level, steps)).toBe(shifted);
});

test("no variable of the library changes the log or its stream", async () => {
  await using directory = await createTemporaryDirectory();
  const source = JSON.stringify(join(import.meta.dir, "../src/log.ts"));
  const script = await directory.write(
    "log-lines.ts",
    `import { configureLog, LOG_LEVELS, logFor } from ${source};
     const talk = () => LOG_LEVELS.slice(1).forEach((level) => logFor("t")[level]("x"));
     talk();
     configureLog({ level: "trace", format: "text" });
     talk();`,
  );
  const environment = { CONSOLA_LEVEL: "1", FORCE_COLOR: "1", DEBUG: "1", NODE_ENV: "test" };
  const { exitCode, stdout, stderr } = await runProcess([process.execPath, script], environment);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
  const levels = ["ERROR", "WARN", "INFO", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
  expect(stderr).toBe(levels.map((level) => `${level} t: x\n`).join(""));
});
