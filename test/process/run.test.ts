/** The surroundings that `run` gives to a command, and its result. */
import { expect, test } from "bun:test";
import { closeSync } from "node:fs";
import { createPipe } from "../../src/process/pipe.ts";
import { run } from "../../src/process/run.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createCapturingSink, endLater, runScript } from "../support/captured-run.ts";

const NOBODY = { uid: 65534, gid: 65534 };

test("run returns the exit code and the byte counts of both streams", async () => {
  const { result, stdout, stderr } = await runScript("echo out; echo errors >&2; exit 3");
  expect({ stdout, stderr }).toEqual({ stdout: "out\n", stderr: "errors\n" });
  expect(result).toEqual({
    exitCode: 3,
    signal: null,
    endedBy: "command",
    durationMs: expect.any(Number),
    inputBytes: 0,
    stdout: { bytes: 4, truncated: false },
    stderr: { bytes: 7, truncated: false },
  });
  expect(Number.isInteger(result.durationMs)).toBe(true);
});

test("run returns the name of the signal that killed the command, SIG34 for one without a name", async () => {
  const byName = await runScript("kill -KILL $$");
  expect(byName.result).toMatchObject({
    exitCode: null,
    signal: "SIGKILL",
    endedBy: "command",
  });
  const byNumber = await runScript("kill -34 $$");
  expect(byNumber.result).toMatchObject({ exitCode: null, signal: "SIG34" });
});

test("arguments with blanks, quotes and line breaks arrive unchanged", async () => {
  const args = ["", "two words", "$HOME", ";", "q'q", "*", "-n", "naïve ☃ 😀", "new\nline"];
  const { stdout } = await runScript('printf "[%s]" "$@"', { args });
  expect(Buffer.from(stdout, "latin1").toString()).toBe(args.map((arg) => `[${arg}]`).join(""));
});

test("a command gets exactly the given environment and directory", async () => {
  const { stdout } = await runScript("exec env", { env: { PATH: "/usr/bin", NAME: "a=b" }, cwd: "/usr" });
  expect(stdout.trim().split("\n").sort()).toEqual(["NAME=a=b", "PATH=/usr/bin", "PWD=/usr"]);
});

test("a command has descriptors 0, 1 and 2 only, default signal handling and its own session", async () => {
  const { readFd, writeFd } = createPipe();
  const script = "ls /proc/self/fd; grep -E '^Sig(Ign|Blk)' /proc/self/status; ps -o pid=,pgid=,sid= -p $$";
  const { stdout } = await runScript(script);
  const [zero, one, two, listing, ...rest] = stdout.trim().split("\n");
  expect([zero, one, two]).toEqual(["0", "1", "2"]);
  // ls itself opens the fourth to read the directory.
  expect([listing, rest.length]).toEqual(["3", 3]);
  expect(rest[0]).toMatch(/^SigBlk:\t0{16}$/);
  expect(rest[1]).toMatch(/^SigIgn:\t0{16}$/);
  const [pid, group, session] = (rest[2] ?? "").trim().split(/\s+/);
  expect([group, session]).toEqual([pid, pid]);
  closeSync(readFd);
  closeSync(writeFd);
});

test("a command can open /dev/stdin, /dev/stdout and /dev/stderr", async () => {
  const script = "cat /dev/stdin >/dev/stdout; echo errors >/dev/stderr";
  const stdin = new Blob(["input\n"]).stream();
  const { result, stdout, stderr } = await runScript(script, { stdin });
  expect({ stdout, stderr, exitCode: result.exitCode }).toEqual({
    stdout: "input\n",
    stderr: "errors\n",
    exitCode: 0,
  });
});

test.if(process.getuid?.() === 0)(
  "a command for another user has that user, and none of our groups",
  async () => {
    const script = "id -u; id -g; grep Groups /proc/self/status; echo again >/dev/stdout; cat /dev/stdin";
    const stdin = new Blob(["input\n"]).stream();
    const { stdout, stderr } = await runScript(script, { user: NOBODY, stdin });
    expect(stdout).toMatch(/^65534\n65534\nGroups:\s*\nagain\ninput\n$/);
    expect(stderr).toBe("");
  },
);

test("output bytes that are not UTF-8 arrive unchanged, and so does NUL", async () => {
  const { stdout } = await runScript(String.raw`printf 'a\000b\377\200\303'`);
  expect(stdout).toBe("a\0b\u00ff\u0080\u00c3");
});

test("onExit is called at the exit, while a child in the background keeps the pipe open", async () => {
  const { promise: exited, resolve } = Promise.withResolvers<unknown>();
  const control = new AbortController();
  const stdout = createCapturingSink();
  const running = runScript("sleep 600 & echo $!; exit 4", {
    onExit: resolve,
    signal: control.signal,
    stdout,
  });
  expect(await exited).toEqual({ exitCode: 4, signal: null });
  // The abort loses the bytes that are still in the pipe.
  await stdout.contains("\n");
  control.abort();
  const { result } = await running;
  using cleanup = new DisposableStack();
  cleanup.use(endLater(Number(stdout.text())));
  expect(result).toMatchObject({ exitCode: 4, endedBy: "command", stdout: { truncated: true } });
});

test("a signal that has aborted already rejects with CANCELLED", async () => {
  const error = await rejectionOf(runScript("echo started", { signal: AbortSignal.abort() }));
  expect(error.code).toBe("CANCELLED");
});

test("a command without an absolute path is rejected", async () => {
  const sink = { write: async () => undefined };
  const error = await rejectionOf(
    run({ argv: ["sh"], env: {}, cwd: "/", stdin: null, stdout: sink, stderr: sink }),
  );
  expect(error.message).toBe('Cannot run "sh": not an absolute path');
});
