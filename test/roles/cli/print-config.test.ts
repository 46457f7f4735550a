/** `print-config`: one line for each setting, with its value and its origin. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { loadConfig } from "../../../src/config/config.ts";
import { runProgram } from "../../support/program-run.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

setDefaultTimeout(180_000);

describe.each(["host", "guest"])("of the %s", (role) => {
  test("print-config prints one line for each setting, with its origin", async () => {
    await using directory = await createTemporaryDirectory();
    const file = await directory.write("config.toml", '[log]\nformat = "text"');
    const environment = { NEGOTIATOR_LOG_LEVEL: "warn", NEGOTIATOR_CONNECT_TIMEOUT_SECONDS: "2.5" };
    const { exitCode, stdout, stderr } = await runProgram([role, "print-config", "--config", file, "-v"], {
      environment,
    });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const rows = stdout
      .trimEnd()
      .split("\n")
      .map((line) => /^(\S+) = (\S.*?) +# (.+)$/.exec(line)?.slice(1));
    const keys = [...loadConfig({ file, environment: {} }).origins.keys()];
    expect(rows.map((row) => row?.[0])).toEqual(keys);
    expect(rows).toContainEqual(["log.level", '"info"', "option"]);
    expect(rows).toContainEqual(["log.format", '"text"', file]);
    expect(rows).toContainEqual(["connectTimeoutSeconds", "2.5", "NEGOTIATOR_CONNECT_TIMEOUT_SECONDS"]);
    expect(rows).toContainEqual(["audit.redactArguments", "false", "default"]);
    const columns = new Set(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => line.indexOf("  # ")),
    );
    expect(columns.size).toBe(1);
  });

  test("print-config --json prints one object with every value and origin", async () => {
    await using directory = await createTemporaryDirectory();
    const file = await directory.write("config.toml", '[log]\nlevel = "debug"');
    const environment = { NEGOTIATOR_CONFIG: file };
    const { exitCode, stdout, stderr } = await runProgram([role, "print-config", "--json"], { environment });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout.split("\n")).toEqual([expect.any(String), ""]);
    const members: Record<string, unknown> = JSON.parse(stdout);
    const { origins } = loadConfig({ file, environment: {} });
    expect(Object.keys(members)).toEqual([...origins.keys()]);
    expect(members).toMatchObject({
      "log.level": { value: "debug", origin: file },
      "log.format": { value: "text", origin: "default" },
    });
  });
});

test("control characters and line ends in a setting are printed as escapes", async () => {
  await using directory = await createTemporaryDirectory();
  const hostile = "\u001b[31m\nforged = 1\u009b\u202e";
  const file = await directory.write(`config${hostile}.toml`, '[log]\nlevel = "debug"');
  const environment = { NEGOTIATOR_HOST_CONNECT: hostile };
  const text = await runProgram(["host", "print-config", "--config", file], { environment });
  expect(text.stdout.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  expect(text.stdout).not.toMatch(/^forged/m);
  const json = await runProgram(["host", "print-config", "--json", "--config", file], { environment });
  expect(json.stdout.trimEnd()).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  expect(JSON.parse(json.stdout)).toMatchObject({
    "log.level": { value: "debug", origin: file },
    "host.connect": { value: hostile, origin: "NEGOTIATOR_HOST_CONNECT" },
  });
});
