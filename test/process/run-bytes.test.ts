/** A command's bytes: much output, slow and failing sinks, and all kinds of input. */
import { expect, test } from "bun:test";
import { createCapturingSink, runScript } from "../support/captured-run.ts";

const MIB = 1 << 20;

test("1 GiB of output passes through with less than 512 MiB of memory", async () => {
  let highest = 0;
  const before = process.memoryUsage.rss();
  const stdout = {
    async write(): Promise<void> {
      highest = Math.max(highest, process.memoryUsage.rss());
    },
  };
  const { result } = await runScript("exec head -c 1G /dev/zero", { stdout });
  expect(result).toMatchObject({ exitCode: 0, stdout: { bytes: 1024 * MIB, truncated: false } });
  expect(highest - before).toBeLessThan(512 * MIB);
}, 240_000);

test("a sink that is blocked blocks the command after less than 2 MiB", async () => {
  const { promise: open, resolve: release } = Promise.withResolvers<void>();
  const { promise: first, resolve: reach } = Promise.withResolvers<void>();
  let bytes = 0;
  const stdout = {
    async write(chunk: Uint8Array): Promise<void> {
      reach();
      await open;
      bytes += chunk.byteLength;
    },
  };
  const script = "head -c 8M /dev/zero & echo $! >&2; wait";
  const { promise: started, resolve: start } = Promise.withResolvers<number>();
  const stderr = { write: async (chunk: Uint8Array) => start(Number(Buffer.from(chunk).toString())) };
  const running = runScript(script, { stdout, stderr });
  await first;
  const written = await settledCount(await started);
  expect(written).toBeLessThan(2 * MIB);
  release();
  expect((await running).result.stdout).toEqual({ bytes: 8 * MIB, truncated: false });
  expect(bytes).toBe(8 * MIB);
});

/** Returns how many bytes a process has written, once the number stays the same. */
async function settledCount(processId: number): Promise<number> {
  let last = -1;
  for (let equal = 0; equal < 5;) {
    await Bun.sleep(10);
    const io = await Bun.file(`/proc/${processId}/io`).text();
    const count = Number(/^wchar: (\d+)$/m.exec(io)?.[1]);
    equal = count === last ? equal + 1 : 0;
    last = count;
  }
  return last;
}

test("a sink that fails ends its writer with SIGPIPE, and the other stream goes on", async () => {
  const stdout = { write: () => Promise.reject(new Error("the far end is gone")) };
  const { result, stderr } = await runScript("yes; echo $? >&2; sleep 0.1; echo more >&2", { stdout });
  expect(stderr).toBe("141\nmore\n");
  expect(result.stdout.truncated).toBe(true);
  expect(result.stderr).toEqual({ bytes: 9, truncated: false });
});

test("a command without input reads /dev/null", async () => {
  const { stdout } = await runScript("readlink /proc/self/fd/0; wc -c");
  expect(stdout).toBe("/dev/null\n0\n");
});

test("input chunks of any size arrive in order, with the end of the input", async () => {
  const random = crypto.getRandomValues(new Uint8Array(65_536));
  const digest = new Bun.CryptoHasher("sha256");
  const stdin = (async function* () {
    for (const length of [0, 1, 65_536, 3, 65_535, ...Array<number>(400).fill(65_536)]) {
      const chunk = random.slice(0, length);
      digest.update(chunk);
      yield chunk;
      await Promise.resolve();
    }
    const large = new Uint8Array(5 * MIB).fill(7);
    digest.update(large);
    yield large;
  })();
  const { stdout } = await runScript("sha256sum", { stdin });
  expect(stdout.slice(0, 64)).toBe(digest.digest("hex"));
});

test("the source is asked for fewer than ten chunks when the command reads two", async () => {
  let asked = 0;
  const stdin = (async function* () {
    for (;;) {
      asked += 1;
      yield new Uint8Array(65_536);
      await Promise.resolve();
    }
  })();
  const { result } = await runScript("sleep 0.2; head -c 100000 >/dev/null; sleep 0.2", { stdin });
  expect(result.exitCode).toBe(0);
  expect(asked).toBeLessThan(10);
});

test("a command can answer the first line of its input before the second one comes", async () => {
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  let stdout = "";
  const sink = {
    async write(bytes: Uint8Array): Promise<void> {
      stdout += Buffer.from(bytes).toString();
      answer();
    },
  };
  const stdin = (async function* () {
    yield Buffer.from("one\n");
    await answered;
    yield Buffer.from("two\n");
  })();
  const { result } = await runScript("read a; echo got $a; read b; echo got $b", { stdin, stdout: sink });
  expect(stdout).toBe("got one\ngot two\n");
  expect(result.exitCode).toBe(0);
});

test("a command that closes its input early succeeds, and its source is closed", async () => {
  let isClosed = false;
  const stdin = (async function* () {
    try {
      for (;;) {
        yield new Uint8Array(65_536);
        await Promise.resolve();
      }
    } finally {
      isClosed = true;
    }
  })();
  const { result, stdout } = await runScript("exec 0<&-; sleep 0.1; echo done", { stdin });
  expect(stdout).toBe("done\n");
  expect(result).toMatchObject({ exitCode: 0, endedBy: "command" });
  expect(isClosed).toBe(true);
});

test("a source that never yields does not delay the end of a command", async () => {
  const { promise: never } = Promise.withResolvers<IteratorResult<Uint8Array>>();
  const stdin = { [Symbol.asyncIterator]: () => ({ next: () => never }) };
  const { result } = await runScript("exit 5", { stdin });
  expect(result.exitCode).toBe(5);
});

test("a command whose source throws sees no end of its input", async () => {
  const stdout = createCapturingSink();
  const source = (async function* () {
    yield Buffer.from("a part");
    await stdout.contains("ready");
    throw new Error("broken");
  })();
  const script = "trap '' TERM; echo ready; echo $(cat); echo the input has ended; sleep 600";
  const { result } = await runScript(script, { stdin: source, stdout, graceMs: 500 });
  expect(stdout.text()).toBe("ready\n");
  expect(result).toMatchObject({ endedBy: "cancel", signal: "SIGKILL" });
});

test("a source that throws cancels the command", async () => {
  const stdin = (async function* () {
    yield Buffer.from("half");
    await Promise.resolve();
    throw new Error("the caller is gone");
  })();
  const { result } = await runScript("sleep 600", { stdin });
  expect(result).toMatchObject({ signal: "SIGTERM", endedBy: "cancel" });
});

test("a child in the background with the command's full input does not delay its end", async () => {
  const stdin = (async function* () {
    for (;;) {
      yield new Uint8Array(65_536);
      await Promise.resolve();
    }
  })();
  const { result } = await runScript("sleep 0.3 <&0 >/dev/null 2>&1 & exit 0", { stdin });
  expect(result).toMatchObject({ exitCode: 0, stdout: { truncated: false } });
});
