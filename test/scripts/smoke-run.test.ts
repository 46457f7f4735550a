/** Tests the smoke run of a new binary. */
import { describe, expect, test } from "bun:test";
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { smokeRun } from "../../scripts/smoke-run.ts";

const EXPECTED = "negotiator 1.2.3";

async function runScript(script: string): Promise<void> {
  await using folder = await mkdtempDisposable(join(tmpdir(), "smoke-"));
  const path = join(folder.path, "program");
  await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  await smokeRun(path, EXPECTED);
}

describe("smokeRun", () => {
  test("smokeRun accepts a program that prints the expected line", async () => {
    await runScript(`[ "$1" = --version ] && echo "${EXPECTED}"`);
  });

  test("smokeRun starts the program with an empty environment", async () => {
    await runScript(`[ -z "$BUN_OPTIONS$HOME$USER" ] && echo "${EXPECTED}"`);
  });

  const refused: Record<string, [script: string, message: string]> = {
    "a wrong line": ["echo bun", 'ended with exit code 0 and printed "bun\\n", not "negotiator 1.2.3"'],
    "a second line": [`echo "${EXPECTED}"; echo more`, "more"],
    "a complaint": [`echo "${EXPECTED}"; echo careful >&2`, "careful"],
    "an exit code": [`echo "${EXPECTED}"; exit 3`, "ended with exit code 3"],
    "a signal": ["kill -ILL $$", "ended with signal SIGILL"],
  };
  for (const [name, [script, message]] of Object.entries(refused)) {
    test(`smokeRun refuses a program with ${name}`, async () => {
      expect(runScript(script)).rejects.toThrow(message);
    });
  }
});
