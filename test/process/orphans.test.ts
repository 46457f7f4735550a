/** Ended children that a process did not start are collected, and no others. */
import { expect, test } from "bun:test";
import { join } from "node:path";

const MODULE = join(import.meta.dir, "../../src/process/orphans.ts");
const SCRIPT = `
const { openSync } = require("node:fs");
const { reapOrphans } = await import(${JSON.stringify(MODULE)});
try { for (;;) openSync("/dev/null", "r"); } catch {}
reapOrphans();
process.exit(0);`;

test("a look for ended children without a free descriptor does not throw", async () => {
  const words = ["sh", "-c", 'ulimit -n 64; exec "$0" -e "$1"', process.execPath, SCRIPT];
  const child = Bun.spawn(words, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  expect({ stderr: await child.stderr.text(), exitCode: await child.exited }).toEqual({
    stderr: "",
    exitCode: 0,
  });
});

/** Has two ended children of the shell that it was before, remembers the first, and collects children. */
const HEIR = `
const { readFileSync } = require("node:fs");
const { forgetChild, reapOrphans, rememberChild } = await import(${JSON.stringify(MODULE)});
const [, threads, ...pids] = process.argv;
const stateOf = (pid) => {
  try { return /\\) (.)/.exec(readFileSync("/proc/" + pid + "/stat", "utf8"))[1]; } catch { return "gone"; }
};
const show = () => console.log(pids.map(stateOf).join(" "));
while (pids.slice(0, 2).some((pid) => stateOf(pid) !== "Z")) await Bun.sleep(5);
rememberChild(Number(pids[0]));
reapOrphans(threads);
show();
forgetChild(Number(pids[0]));
reapOrphans(threads);
show();
process.kill(Number(pids[2]), "SIGKILL");
process.exit(0);`;

test.each([
  ["lists the children of a process", "/proc/self/task"],
  ["does not", "/nowhere"],
])(
  "where the kernel %s, ended children are collected, and no running or remembered one",
  async (_, threads) => {
    // The shell would collect children that end before it has become the other program.
    const line = `sleep 0.3 & a=$!; sleep 0.3 & b=$!; sleep 60 & exec "$0" -e "$1" "$2" $a $b $!`;
    const child = Bun.spawn(["sh", "-c", line, process.execPath, HEIR, threads], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect({ stdout, stderr }).toEqual({ stdout: "Z gone S\ngone gone S\n", stderr: "" });
  },
);
