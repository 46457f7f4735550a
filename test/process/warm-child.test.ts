/** A helper that stays: one process for many questions, a new one after it was late or has ended. */
import { expect, test } from "bun:test";
import { createWarmChild } from "../../src/process/warm-child.ts";
import { withMoreTime } from "../support/more-time.ts";
import { until } from "../support/until.ts";

const LIMITS = { timeoutMs: 30_000, outputBytes: 1000, idleMs: 30_000 };

/** Answers each line with the number of its process and the line. */
const ECHO = ["/bin/sh", "-c", 'while read -r line; do echo "\\"$$ $line\\""; done'] as const;

async function textOf(child: ReturnType<typeof createWarmChild>, line: string): Promise<string> {
  const { outcome } = await child.ask(line);
  return outcome === "late" ? "late" : outcome.stdout.trim();
}

const isThere = (pid: string): boolean => {
  try {
    return process.kill(Number(pid), 0);
  } catch {
    return false;
  }
};

test("one process answers one question after the other, and ends after the idle time", async () => {
  const { child, first, word, second } = await withMoreTime(
    async (idleMs) => {
      const child = createWarmChild(ECHO, { ...LIMITS, idleMs });
      const [first = "", word] = (await textOf(child, "one")).split(" ");
      return { child, first, word, second: await textOf(child, "two") };
    },
    ({ first, second }) => second === `${first} two`,
  );
  expect([word, second]).toEqual(["one", `${first} two`]);
  await until("the process has ended", () => !isThere(first));
  const [next] = (await textOf(child, "three")).split(" ");
  expect(next).not.toBe(first);
});

test("a process that is late is killed, and the next question starts another one", async () => {
  const script = 'read -r line; [ "$line" = hang ] && exec sleep 600; echo "\\"$$\\""';
  const next = await withMoreTime(
    async (timeoutMs) => {
      const child = createWarmChild(["/bin/sh", "-c", script], { ...LIMITS, timeoutMs });
      const { outcome, ended } = await child.ask("hang");
      expect(outcome).toBe("late");
      await ended;
      return await textOf(child, "go");
    },
    (text) => text !== "late",
  );
  expect(Number(next.replaceAll('"', ""))).toBeGreaterThan(0);
});

test.each([
  ["ends", "exit 3"],
  ["writes what is not JSON", "read -r line; echo '{'; sleep 600"],
  ["writes JSON that is not a text", "read -r line; echo 7; sleep 600"],
  ["writes more than its limit", "read -r line; head -c 2000 /dev/zero; sleep 600"],
])("a process that %s has failed, and is killed", async (_, script) => {
  const child = createWarmChild(["/bin/sh", "-c", script], LIMITS);
  const { outcome, ended } = await child.ask("go");
  expect(outcome).toEqual({ exitCode: null, stdout: "" });
  await ended;
});
