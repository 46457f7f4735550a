/** Subcommands that mend or remove an installation work with a broken config and a broken policy. */
import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { launch } from "../../support/program.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { TEST_TIMEOUT_MS } from "../../support/timeouts.ts";

const BROKEN = {
  "a syntax error": "drainSeconds = = 1\n",
  "a wrong value": 'drainSeconds = "soon"\n',
} as const;

/** Command lines, and a part of what each prints. */
const LINES: readonly (readonly [line: string, part: string])[] = [
  ["--version", "negotiator 0."],
  ["host --version", "negotiator 0."],
  ["--help", "Usage"],
  ["host --help", "add-channel"],
  ["guest install --help", "--uninstall"],
  ["help host add-channel", "--print-xml"],
  ["man negotiator.toml", "drainSeconds"],
  ["completion bash", "complete"],
  ["--complete host doc", "doctor"],
  ["host add-channel --print-xml", "<channel"],
  ["host add-channel --print-qemu-args web1", "virtserialport"],
];

const ROLES = ["host", "guest"] as const;
const IS_ROOT = process.getuid?.() === 0;

test.each(Object.entries(BROKEN))(
  "with %s in the config, help and installation work, and doctor and check-config say it",
  async (_, text) => {
    await using directory = await createTemporaryDirectory();
    const config = await directory.write("config.toml", `policyFile = "${directory.at("policy")}"\n${text}`);
    await directory.write("policy", "[[");
    const image = directory.at("image");
    await mkdir(image);
    const run = async (line: string): Promise<{ exitCode: number; stdout: string; stderr: string }> => {
      await using launched = launch(line.split(" "), { env: { NEGOTIATOR_CONFIG: config } });
      return await launched.ended();
    };
    const works = LINES.map(async ([line, part]) => {
      const { exitCode, stdout, stderr } = await run(line);
      expect([line, exitCode, stderr]).toEqual([line, 0, ""]);
      expect(stdout).toContain(part);
    });
    for (const role of IS_ROOT ? ROLES : []) {
      const { exitCode, stderr } = await run(`${role} install --uninstall --purge --root ${image}`);
      expect([exitCode, stderr]).toEqual([0, ""]);
    }
    const says = ROLES.map(async (role) => {
      const checked = await run(`${role} check-config`);
      expect([checked.exitCode, checked.stderr]).toEqual([1, expect.stringContaining(config)]);
      const examined = await run(`${role} doctor --json`);
      expect(examined.stdout).toContain(`"check":"config","level":"problem"`);
      expect(examined.exitCode).toBe(2);
    });
    await Promise.all([...works, ...says]);
  },
  TEST_TIMEOUT_MS,
);
