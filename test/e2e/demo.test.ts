/** Tests the demo as a newcomer starts it, and that it leaves nothing behind. */
import { describe, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { printable } from "../../src/printable.ts";
import { problemOf, STEPS } from "../../scripts/demo-steps.ts";
import type { Step } from "../../scripts/demo-steps.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const DEMO = join(import.meta.dir, "../../scripts/demo.ts");
/** The number of tries: a demo may end before it is interrupted. */
const TRIES = 5;

describe("the demo", () => {
  test(
    "the demo shows the command line and output of every step, and leaves nothing behind",
    async () => {
      await using directory = await createTemporaryDirectory();
      const { exitCode, stdout, stderr } = await finish(start(directory.path));
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expectSteps(stdout);
      expect(await leftovers(directory.path)).toEqual({ files: [], processes: [] });
    },
    TEST_TIMEOUT_MS,
  );

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    test(
      `the demo leaves nothing behind when ${signal} interrupts it during a call`,
      async () => {
        await using directory = await createTemporaryDirectory();
        const demo = await interrupt(directory.path, "copied file 2 of 5", (running) => running.kill(signal));
        expect(await demo.exited).toBe({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal]);
        expect(await demo.stderr.text()).toBe(`\ndemo: ended by ${signal}\n`);
        expect(await leftovers(directory.path)).toEqual({ files: [], processes: [] });
      },
      TEST_TIMEOUT_MS,
    );
  }

  test(
    "the demo leaves nothing behind when the reader of its output closes the pipe",
    async () => {
      await using directory = await createTemporaryDirectory();
      const demo = await interrupt(directory.path, "copied file 1 of 5", ({ stdout }) => stdout.cancel());
      expect(await demo.exited).toBe(1);
      expect(await leftovers(directory.path)).toEqual({ files: [], processes: [] });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "the demo reports a directory that it cannot write to",
    async () => {
      const { exitCode, stderr } = await finish(start("/proc"));
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/^\ndemo: .*\/proc\/negotiator-demo-/);
    },
    TEST_TIMEOUT_MS,
  );

  test("the demo prints help for --help and refuses unknown words with exit code 2", async () => {
    const help = await finish(start("/nonexistent", ["--help"]));
    expect(help).toMatchObject({ exitCode: 0, stderr: "" });
    expect(help.stdout).toContain("--vm");
    const wrong = await finish(start("/nonexistent", ["--vn"]));
    expect(wrong).toMatchObject({ exitCode: 2, stdout: "" });
    expect(wrong.stderr).toContain('unknown word "--vn"');
  });
});

await describeWithVm("the demo with a real guest", () => {
  test(
    "the demo with a real guest shows every step",
    async () => {
      await using directory = await createTemporaryDirectory();
      const { exitCode, stdout, stderr } = await finish(start(directory.path, ["--vm"]));
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expectSteps(stdout);
      expect(await leftovers(directory.path)).toEqual({ files: [], processes: [] });
    },
    TEST_TIMEOUT_MS,
  );
});

describe("a step", () => {
  const step: Step = {
    title: "",
    side: "host",
    line: "",
    exitCode: 3,
    shows: [/^a$/m, /^b$/m],
    spreadMs: 500,
  };
  const lines = [
    { text: "a", atMs: 100 },
    { text: "b", atMs: 600 },
  ];

  test("problemOf returns undefined for the expected exit code and output", () => {
    expect(problemOf(step, { exitCode: 3, lines })).toBeUndefined();
  });

  test("problemOf reports a wrong exit code, a missing line, and output that came at once", () => {
    expect(problemOf(step, { exitCode: 0, lines })).toBe("its exit code is 0 instead of 3");
    expect(problemOf(step, { exitCode: 3, lines: lines.slice(0, 1) })).toBe("its output lacks /^b$/m");
    expect(problemOf(step, { exitCode: 3, lines: lines.map(({ text }) => ({ text, atMs: 1 })) })).toBe(
      "its output came at once, within 0 ms",
    );
  });
});

type Demo = ReturnType<typeof start>;

/** Starts a demo with `temporary` as its directory for files. Its processes are found by that path. */
function start(temporary: string, words: readonly string[] = []) {
  return Bun.spawn([process.execPath, DEMO, ...words], {
    env: { ...process.env, TMPDIR: temporary },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function finish(demo: Demo): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const [exitCode, stdout, stderr] = await Promise.all([demo.exited, demo.stdout.text(), demo.stderr.text()]);
  return { exitCode, stdout, stderr };
}

/**
 * Starts a demo, calls `how` once it has shown `text`, and returns it when it has ended. On a stalled machine
 * the demo may succeed before; then this interrupts another one.
 */
async function interrupt(
  temporary: string,
  text: string,
  how: (demo: Demo) => void | Promise<void>,
): Promise<Demo> {
  for (let triesLeft = TRIES; ; triesLeft--) {
    const demo = start(temporary);
    await shows(demo.stdout, text);
    await how(demo);
    if ((await demo.exited) !== 0 || triesLeft === 1) return demo;
  }
}

/** Waits until the output contains the text. The stream can be read or cancelled afterwards. */
async function shows(stream: Demo["stdout"], text: string): Promise<void> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let seen = "";
  while (!seen.includes(text)) {
    const { value } = await reader.read();
    if (value === undefined) throw new Error(`The demo ended without "${text}":\n${seen}`);
    seen += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
}

function expectSteps(stdout: string): void {
  const [, ...shown] = stdout.split("\n# ");
  expect(shown).toHaveLength(STEPS.length);
  for (const [index, step] of STEPS.entries()) {
    const [title, command, ...output] = (shown[index] ?? "").split("\n");
    expect({ title, command }).toEqual({ title: step.title, command: `$ ${printable(step.line)}` });
    const text = output.join("\n").replace(/^\d+\.\d s {2}/gm, "");
    for (const pattern of step.shows) expect(text).toMatch(pattern);
    // A repeated step shows the exit code of each try.
    const code = [...text.matchAll(/^\(exit code (\d+)\)$/gm)].at(-1)?.[1] ?? "0";
    expect({ title, code }).toEqual({ title, code: String(step.exitCode) });
  }
  expect(stdout).not.toContain("FAILED");
  expect(stdout).toEndWith(`\n${STEPS.length} of ${STEPS.length} steps succeeded\n`);
}

/** Finds files in the directory, and processes with its path in their environment or arguments. */
async function leftovers(directory: string): Promise<{ files: string[]; processes: string[] }> {
  const processes: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) continue;
    const facts = await Promise.all(["cmdline", "environ"].map((name) => readFacts(`/proc/${pid}/${name}`)));
    if (facts.some((text) => text.includes(directory))) processes.push(facts[0] ?? pid);
  }
  return { files: await readdir(directory), processes };
}

/** Returns "" for a process that has ended or belongs to another user. */
async function readFacts(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
