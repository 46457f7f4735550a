/** Tests the compiled binary: its names, its help, wrong command lines, and planted files. */
import { describe, expect, test } from "bun:test";
import { mkdir, mkdtempDisposable, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { isTargetName } from "../../src/roles/install/targets.ts";
import { hostBinary } from "../support/binary.ts";
import { STEP_TIMEOUT_MS, TEST_TIMEOUT_MS } from "../support/timeouts.ts";

const ROLES = ["host", "guest"] as const;

describe("the compiled binary", () => {
  test(
    "the binary prints version, commit, target and Bun version in one line for --version",
    async () => {
      const { exitCode, stdout, stderr } = run([await hostBinary(), "--version"]);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      const line = /^negotiator (\S+) \(commit (\S+), (\S+), bun (\S+)\)\n$/.exec(stdout);
      const [, version, commit, target = "", bun] = line ?? [];
      expect(version).toBe(manifest.version);
      expect(commit).toMatch(/^(?:[0-9a-f]{7,}(?:-dirty)?|unknown)$/);
      expect(target).toSatisfy(isTargetName);
      expect(bun).toBe(Bun.version);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "the binary prints its help when it is called by name or by path",
    async () => {
      const binary = await hostBinary();
      for (const words of [["--help"], ["-h"]]) {
        const { exitCode, stdout, stderr } = run([binary, ...words]);
        expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
        for (const role of ROLES) expect(stdout).toContain(`negotiator ${role} SUBCOMMAND`);
      }
      expect(run([`./${basename(binary)}`, "--help"], { cwd: dirname(binary) }).exitCode).toBe(0);
    },
    TEST_TIMEOUT_MS,
  );

  for (const role of ROLES) {
    test(
      `the binary plays the ${role} for its word and for any kind of link to it`,
      async () => {
        const binary = await hostBinary();
        const link = `negotiator-${role}`;
        await using folder = await mkdtempDisposable(join(tmpdir(), "binary-"));
        await symlink(binary, join(folder.path, link));
        await symlink(link, join(folder.path, "second"));
        await symlink(join(folder.path, "second"), join(folder.path, "third"));
        await symlink(binary, join(folder.path, `${link}.exe`));
        const expected = run([binary, role, "--help"]);
        expect(expected).toMatchObject({ exitCode: 0, stderr: "" });
        expect(expected.stdout).toContain(`negotiator ${role} SUBCOMMAND`);
        expect(expected.stdout).not.toBe(run([binary, "--help"]).stdout);
        const asked = run([join(folder.path, link), "--version"]);
        expect(asked).toEqual(run([binary, "--version"]));
        const calls: Record<string, ReturnType<typeof run>> = {
          "link of the build": run([join(dirname(binary), link), "--help"]),
          "link elsewhere": run([join(folder.path, link), "--help"]),
          "link with a suffix": run([join(folder.path, `${link}.exe`), "--help"]),
          "relative path": run([`./${link}`, "--help"], { cwd: folder.path }),
          "link to a link": run([join(folder.path, "second"), "--help"]),
          "link to a link to a link": run([join(folder.path, "third"), "--help"]),
          "search path": run(["sh", "-c", `${link} --help`], { path: folder.path }),
          "link to a link, search path": run(["sh", "-c", "second --help"], { path: folder.path }),
        };
        for (const [way, outcome] of Object.entries(calls)) {
          expect({ way, ...outcome }).toEqual({ way, ...expected });
        }
      },
      TEST_TIMEOUT_MS,
    );
  }

  test(
    "a link with an unknown name is the binary without a role",
    async () => {
      await using folder = await mkdtempDisposable(join(tmpdir(), "binary-"));
      const link = join(folder.path, "negotiator-hostess");
      await symlink(await hostBinary(), link);
      expect(run([link, "--version"]).exitCode).toBe(0);
    },
    TEST_TIMEOUT_MS,
  );

  const wrong: readonly (readonly string[])[] = [
    [],
    ["--nonsense"],
    ["nonsense"],
    ["--verison"],
    ["\u001b[31m\nred"],
    ["host"],
    ["host", "--nonsense"],
    ["guest", "nonsense"],
  ];
  for (const words of wrong) {
    test(
      `the binary refuses the words ${JSON.stringify(words)} with exit code 2 and a remedy`,
      async () => {
        const { exitCode, stdout, stderr } = run([await hostBinary(), ...words]);
        expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
        // oxlint-disable-next-line no-control-regex -- the output must not contain any
        expect(stderr).toMatch(/^negotiator: [^\u0000-\u001f]+\n(?:[A-Z][^\u0000-\u001f]+\n)+$/);
      },
      TEST_TIMEOUT_MS,
    );
  }

  test(
    "the binary ignores planted config and code in its working directory",
    async () => {
      const binary = await hostBinary();
      await using folder = await mkdtempDisposable(join(tmpdir(), "binary-"));
      const marker = join(folder.path, "marker");
      const write = `require("node:fs").writeFileSync(${JSON.stringify(marker)}, "")`;
      const preload = `${write}; console.log("preloaded");`;
      await writeFile(join(folder.path, "preload.js"), preload);
      await writeFile(join(folder.path, "bunfig.toml"), 'preload = ["./preload.js"]\n[run]\nbun = true\n');
      for (const name of [".env", ".env.local", ".env.production"]) {
        await writeFile(join(folder.path, name), "NEGOTIATOR_LOG_LEVEL=trace\n");
      }
      await mkdir(join(folder.path, "node_modules/citty"), { recursive: true });
      await writeFile(join(folder.path, "node_modules/citty/index.js"), preload);
      await writeFile(join(folder.path, "package.json"), '{ "name": "planted", "version": "6.6.6" }\n');
      await writeFile(join(folder.path, "tsconfig.json"), "{ not json\n");
      for (const words of [["--version"], ["--help"], ["host", "--help"], ["host", "print-config"]]) {
        const planted = run([binary, ...words], { cwd: folder.path });
        expect(planted).toEqual(run([binary, ...words], { cwd: "/" }));
        expect(await Bun.file(marker).exists()).toBe(false);
      }
    },
    TEST_TIMEOUT_MS,
  );
});

test(
  "the binary works in a working directory that was removed",
  async () => {
    const binary = await hostBinary();
    const script = 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"';
    await using folder = await mkdtempDisposable(join(tmpdir(), "binary-"));
    const inRemoved = (...words: string[]) =>
      run(["sh", "-c", script, "sh", join(folder.path, "removed"), binary, ...words]);
    for (const words of [["--version"], ["host", "--help"], ["host", "print-config"], ["--nonsense"]])
      expect(inRemoved(...words)).toEqual(run([binary, ...words]));
    const unreached = inRemoved(
      "host",
      "execute",
      "--socket",
      "web1=/nonexistent/x",
      "--direct",
      "web1",
      "x",
    );
    expect(unreached).toMatchObject({
      exitCode: 125,
      stderr: expect.stringMatching(/^negotiator: Cannot connect/),
    });
  },
  TEST_TIMEOUT_MS,
);

test(
  "the binary that has few descriptors says why it failed",
  async () => {
    const binary = await hostBinary();
    const words = ["host", "execute", "--direct", "--socket", "web1=/nonexistent/x", "web1", "x"];
    for (let limit = 5; limit < 12; limit++) {
      const ended = run(["prlimit", `--nofile=${limit}:${limit}`, binary, ...words]);
      expect({ limit, ...ended }).toMatchObject({ exitCode: 125, stderr: expect.stringMatching(/\w/) });
    }
  },
  TEST_TIMEOUT_MS,
);

test(
  "the binary's code is in chunks, so that a start loads only those that it needs",
  async () => {
    const text = Buffer.from(await Bun.file(await hostBinary()).bytes()).toString("latin1");
    const chunks = new Set(text.match(/(?<=\/)chunk-[a-z0-9]{8}\.js/g));
    expect(chunks.size).toBeGreaterThan(20);
  },
  TEST_TIMEOUT_MS,
);

type Place = { cwd?: string; path?: string };

/** `path` is the first folder of PATH. The child gets no other variables. */
function run(words: string[], { cwd = "/", path = "/nonexistent" }: Place = {}) {
  const { exitCode, stdout, stderr } = Bun.spawnSync(words, {
    cwd,
    env: { PATH: `${path}:/usr/bin:/bin` },
    timeout: STEP_TIMEOUT_MS,
  });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}
