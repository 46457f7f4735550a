/** What a command gets from us, and what we get from it. */
import { expect, test } from "bun:test";
import { closeSync } from "node:fs";
import { createPipe } from "../../src/process/pipe.ts";
import { run } from "../../src/process/run.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createCapturingSink, endLater, runScript } from "../support/captured-run.ts";

const NOBODY = { uid: 65534, gid: 65534 };

test("reports the exit code, both streams, and how many bytes they had", async () => {
  const { result, stdout, stderr } = await runScript("echo out; echo errors >&2; exit 3");
  expect({ stdout, stderr }).toEqual({ stdout: "out\n", stderr: "errors\n" });
  expect(result).toEqual({
    exitCode: 3,
    signal: null,
    timedOut: false,
    cancelled: false,
    durationMs: expect.any(Number),
    stdout: { bytes: 4, truncated: false },
    stderr: { bytes: 7, truncated: false },
  });
});

test("reports the signal that killed it, one without a name too", async () => {
  const byName = await runScript("kill -KILL $$");
  expect(byName.result).toMatchObject({
    exitCode: null,
    signal: "SIGKILL",
    timedOut: false,
    cancelled: false,
  });
  const byNumber = await runScript("kill -34 $$");
  expect(byNumber.result).toMatchObject({ exitCode: null, signal: "SIG34" });
});

test("hands over arguments as they are", async () => {
  const args = ["", "two words", "$HOME", ";", "q'q", "*", "-n", "naïve ☃ 😀", "new\nline"];
  const { stdout } = await runScript('printf "[%s]" "$@"', { args });
  expect(Buffer.from(stdout, "latin1").toString()).toBe(args.map((arg) => `[${arg}]`).join(""));
});

test("gives it the stated environment and directory, nothing of ours", async () => {
  const { stdout } = await runScript("exec env", { env: { PATH: "/usr/bin", NAME: "a=b" }, cwd: "/usr" });
  expect(stdout.trim().split("\n").sort()).toEqual(["NAME=a=b", "PATH=/usr/bin", "PWD=/usr"]);
});

test("gives it descriptors 0, 1, 2 only, no ignored or blocked signals, and a session of its own", async () => {
  const { readFd, writeFd } = createPipe();
  const script = "ls /proc/self/fd; grep -E '^Sig(Ign|Blk)' /proc/self/status; ps -o pid=,pgid=,sid= -p $$";
  const { stdout } = await runScript(script);
  const [zero, one, two, listing, ...rest] = stdout.trim().split("\n");
  expect([zero, one, two]).toEqual(["0", "1", "2"]);
  // The fourth is the directory that ls itself reads.
  expect([listing, rest.length]).toEqual(["3", 3]);
  expect(rest[0]).toMatch(/^SigBlk:\t0{16}$/);
  expect(rest[1]).toMatch(/^SigIgn:\t0{16}$/);
  const [pid, group, session] = (rest[2] ?? "").trim().split(/\s+/);
  expect([group, session]).toEqual([pid, pid]);
  closeSync(readFd);
  closeSync(writeFd);
});

test("its streams can be opened again through /dev", async () => {
  const script = "cat /dev/stdin >/dev/stdout; echo errors >/dev/stderr";
  const stdin = new Blob(["input\n"]).stream();
  const { result, stdout, stderr } = await runScript(script, { stdin });
  expect({ stdout, stderr, exitCode: result.exitCode }).toEqual({
    stdout: "input\n",
    stderr: "errors\n",
    exitCode: 0,
  });
});

test.if(process.getuid?.() === 0)("becomes another user, without any group of ours", async () => {
  const script = "id -u; id -g; grep Groups /proc/self/status; echo again >/dev/stdout; cat /dev/stdin";
  const stdin = new Blob(["input\n"]).stream();
  const { stdout, stderr } = await runScript(script, { user: NOBODY, stdin });
  expect(stdout).toMatch(/^65534\n65534\nGroups:\s*\nagain\ninput\n$/);
  expect(stderr).toBe("");
});

test("passes on bytes that are not UTF-8, and NUL", async () => {
  const { stdout } = await runScript(String.raw`printf 'a\000b\377\200\303'`);
  expect(stdout).toBe("a\0b\u00ff\u0080\u00c3");
});

test("tells the exit at once, while a child in the background still holds the pipe", async () => {
  const { promise: exited, resolve } = Promise.withResolvers<unknown>();
  const control = new AbortController();
  const stdout = createCapturingSink();
  const running = runScript("sleep 600 & echo $!; exit 4", {
    onExit: resolve,
    signal: control.signal,
    stdout,
  });
  expect(await exited).toEqual({ exitCode: 4, signal: null });
  // The abort drops the pipe with what is still in it.
  await stdout.contains("\n");
  control.abort();
  const { result } = await running;
  using cleanup = new DisposableStack();
  cleanup.use(endLater(Number(stdout.text())));
  expect(result).toMatchObject({ exitCode: 4, cancelled: false, stdout: { truncated: true } });
});

test("starts nothing for a signal that has aborted already", async () => {
  const error = await rejectionOf(runScript("echo started", { signal: AbortSignal.abort() }));
  expect(error.code).toBe("CANCELLED");
});

test("refuses a name that would be searched in our PATH", async () => {
  const sink = { write: async () => undefined };
  const error = await rejectionOf(
    run({ argv: ["sh"], env: {}, cwd: "/", stdin: null, stdout: sink, stderr: sink }),
  );
  expect(error.message).toBe('Cannot run "sh": not an absolute path');
});
