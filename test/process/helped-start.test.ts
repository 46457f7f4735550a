/** Commands that a helper starts: they get what a direct start gives them, and nothing of the helper. */
import { describe, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { chmod, readdir, symlink } from "node:fs/promises";
import { NegotiatorError } from "../../src/errors.ts";

import type { StartWay } from "../../src/process/start-way.ts";
import { findUserTool, toolWords } from "../../src/process/user-tool.ts";
import { createCapturingSink, endLater, runScript } from "../support/captured-run.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const IS_ROOT = process.getuid?.() === 0;
const USER = { uid: 64_123, gid: 64_124, groups: [64_125, 64_126] };
const NOBODY = { uid: 65_534, gid: 65_534, groups: [] };
const WAYS: StartWay[] = [
  { kind: "chroot", path: "/usr/sbin/chroot" },
  { kind: "setpriv", path: "/usr/bin/setpriv" },
  { kind: "own" },
];

const stdin = (): ReadableStream<Uint8Array> => new Blob(["input\n"]).stream();

/** A script that prints all that a process gets from its parent and that can be read. */
const STATE = [
  "grep -E '^(Uid|Gid|Groups|Sig(Ign|Blk)|Cap(Inh|Prm|Eff|Amb)|NoNewPrivs|Umask):' /proc/self/status",
  "cat /proc/self/limits /proc/self/oom_score_adj /proc/self/coredump_filter /proc/$$/environ",
  "tr '\\0' ' ' </proc/$$/cmdline; cat /proc/$$/comm; pwd; ls /proc/$$/fd",
  'ps -o nice=,cls=,pgid=,sid= -p $$ | sed "s/\\b$$\\b/self/g"',
  "grep flags /proc/$$/fdinfo/0 /proc/$$/fdinfo/1 /proc/$$/fdinfo/2 | sed 's/.*fdinfo//'",
  "cat",
].join("; ");

test.if(IS_ROOT)("chroot is found where the tests run", async () => {
  expect(await findUserTool()).toEqual({ kind: "chroot", path: "/usr/sbin/chroot" });
});

test.if(IS_ROOT)("no process of root reads the variables of another user's program", async () => {
  await using directory = await createTemporaryDirectory();
  await chmod(directory.path, 0o777);
  // The loader of each process makes a file, which belongs to the user of that process.
  const env = { PATH: "/usr/bin:/bin", LD_DEBUG: "files", LD_DEBUG_OUTPUT: directory.at("loader") };
  await runScript("true", { env, user: NOBODY });
  const owners = (await readdir(directory.path)).map((name) => statSync(directory.at(name)).uid);
  expect(new Set(owners)).toEqual(new Set([NOBODY.uid]));
});

describe.if(IS_ROOT).each(WAYS)("$kind", (way) => {
  const chooseWay = (): StartWay => way;

  test("gives a command the same state as a direct start, with the ids of its user", async () => {
    const options = { env: { PATH: "/usr/bin:/bin", NEGOTIATOR_NAME: "a=b c" }, cwd: "/usr" };
    const helped = await runScript(STATE, { ...options, user: USER, stdin: stdin(), chooseWay });
    const direct = await runScript(STATE, { ...options, stdin: stdin() });
    const ids = /^(?:Uid|Gid|Groups|Cap...):\t.*\n/gm;
    expect(helped.stdout.replace(ids, "")).toBe(direct.stdout.replace(ids, ""));
    expect(helped.stderr).toBe(direct.stderr);
    expect(helped.stdout).toContain("\ninput\n");
    expect(helped.stdout.match(ids)).toEqual([
      "Uid:\t64123\t64123\t64123\t64123\n",
      "Gid:\t64124\t64124\t64124\t64124\n",
      "Groups:\t64125 64126 \n",
      ...["CapInh", "CapPrm", "CapEff", "CapAmb"].map((name) => `${name}:\t${"0".repeat(16)}\n`),
    ]);
  });

  test("returns exit codes, signals, output and errors of the command", async () => {
    const { result, stdout, stderr } = await runScript("echo out; echo ~neg >&2; exit 127", {
      user: USER,
      chooseWay,
    });
    expect({ stdout, stderr, code: result.exitCode }).toEqual({
      stdout: "out\n",
      stderr: "~neg\n",
      code: 127,
    });
    expect(result.stderr.bytes).toBe(5);
    const killed = await runScript("kill -KILL $$", { user: USER, chooseWay });
    expect(killed.result).toMatchObject({ exitCode: null, signal: "SIGKILL", endedBy: "command" });
  });

  test.each([
    "setpriv: failed to execute /bin/sh: No such file or directory",
    "chroot: failed to run command /bin/sh: No such file or directory",
  ])("words that the command writes are the command's: %s", async (words) => {
    const { result, stderr } = await runScript(`echo '${words}' >&2; exit 127`, { user: USER, chooseWay });
    expect({ stderr, code: result.exitCode }).toEqual({ stderr: `${words}\n`, code: 127 });
  });

  test("a silent end with 127 is reported while a background process keeps standard error", async () => {
    const stdout = createCapturingSink();
    const exits: unknown[] = [];
    const control = new AbortController();
    const running = runScript("sleep 600 & echo $!; exit 127", {
      user: NOBODY,
      chooseWay,
      stdout,
      signal: control.signal,
      onExit: (exit) => exits.push(exit),
    });
    await until("the exit is reported", () => exits.length === 1);
    await until("the output has come", () => stdout.text().endsWith("\n"));
    using _ = endLater(Number(stdout.text()));
    expect(exits).toEqual([{ exitCode: 127, signal: null }]);
    control.abort();
    expect((await running).result).toMatchObject({ exitCode: 127 });
  });

  test("the errors of a start are those of a direct one", async () => {
    await using directory = await createTemporaryDirectory();
    await chmod(directory.path, 0o755);
    const files: Record<string, [text: string, mode: number]> = {
      "no-interpreter": ["#!/no/such/interpreter\n", 0o755],
      "carriage-return": ["#!/bin/sh\r\n", 0o755],
      "no-bit": ["#!/bin/sh\n", 0o644],
      "not-ours": ["#!/bin/sh\n", 0o700],
    };
    for (const [name, [text, mode]] of Object.entries(files)) {
      await directory.write(name, text);
      await chmod(directory.at(name), mode);
    }
    await symlink("loop", directory.at("loop"));
    const failures: Record<string, string> = {};
    for (const name of [...Object.keys(files), "loop", "none", "."]) {
      const argv = [directory.at(name)] as const;
      // `setpriv` starts no file that the user may not execute.
      const forced = way.kind === "setpriv" ? {} : { chooseWay };
      const error = await rejectionOf(runScript("", { argv, user: USER, calledAs: "it", ...forced }));
      const full = error.cause instanceof NegotiatorError ? error.cause.message : "";
      expect(full.split("\n")[0]).toStartWith(`Cannot run "${directory.at(name)}": `);
      failures[name] = `${error.code} ${error.message}`;
    }
    expect(failures).toEqual({
      "no-interpreter": 'NOT_EXECUTABLE Cannot run "it": its interpreter is missing',
      "carriage-return": expect.stringContaining('"#!" line ends with a carriage return'),
      "no-bit": 'NOT_EXECUTABLE Cannot run "it": permission denied',
      "not-ours": 'NOT_EXECUTABLE Cannot run "it": permission denied',
      loop: 'NOT_EXECUTABLE Cannot run "it": its symbolic links form a loop',
      none: 'NO_COMMAND Cannot run "it": its file was removed',
      ".": 'NOT_EXECUTABLE Cannot run "it": it is a directory',
    });
  });
});

/** As if the command had seen the name of its helper: `cat` begins its message with it, and ends with 1. */
const chooseCat = (): StartWay => ({ kind: "setpriv", path: "/bin/cat" });

test.if(IS_ROOT)("words of a helper that the files do not confirm are the command's", async () => {
  const { result, stderr } = await runScript("exit 0", { user: USER, chooseWay: chooseCat });
  expect(result).toMatchObject({ exitCode: 1, endedBy: "command" });
  expect(stderr).toMatch(/^~negotiator-start-[-0-9a-f]+: unrecognized option/);
});

test("chroot gets ids that it does not look up, and an empty list of groups", () => {
  const end = ["--skip-chdir", "/", "/a", "-x"];
  expect(chrootWords([])).toEqual(["/c", "--userspec=+7:+8", "--groups=", ...end]);
  expect(chrootWords([9, 10])).toEqual(["/c", "--userspec=+7:+8", "--groups=+9,+10", ...end]);
});

function chrootWords(groups: number[]): string[] {
  return toolWords({ kind: "chroot", path: "/c" }, { uid: 7, gid: 8, groups }, ["/a", "-x"]);
}

const SETPRIV = { kind: "setpriv", path: "/s" } as const;

test("setpriv gets ids that cannot be names, and shorter ones for a very long list of groups", () => {
  const padded = `${"0".repeat(32)}7`;
  expect(toolWords(SETPRIV, { uid: 7, gid: 7, groups: [7] }, ["/c"])).toEqual([
    "/s",
    `--reuid=${padded}`,
    `--regid=${padded}`,
    `--groups=${padded}`,
    "--",
    "/c",
  ]);
  const groups = Array.from({ length: 10_000 }, () => 4_000_000_000);
  const longest = Math.max(
    ...toolWords(SETPRIV, { uid: 7, gid: 7, groups }, ["/c"]).map((word) => word.length),
  );
  // Source: execve(2), MAX_ARG_STRLEN.
  expect(longest).toBeLessThan(128 * 1024);
});
