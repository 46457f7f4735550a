/** Collecting ended children in a process that lacks something. */
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
