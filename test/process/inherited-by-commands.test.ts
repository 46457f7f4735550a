/** State that the kernel hands from a process to its children, and that commands must not get from us. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startCleanly } from "../../src/process/inherited-state.ts";
import { runProcess } from "../support/program-run.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const IS_ROOT = process.getuid?.() === 0;
/** A cgroup can refuse it, also to root. */
const canBeRealTime = IS_ROOT && Bun.spawnSync(["chrt", "-r", "5", "true"]).success;
const PARENT = join(import.meta.dir, "../fixtures/state-of-command.ts");

/**
 * Runs a command from a process that was started by `starter`, as a service manager would. Returns the states
 * of the process and of its command.
 */
async function statesUnder(
  starter: readonly string[],
  user: "own" | "other",
): Promise<Record<string, string>> {
  const { stdout, stderr, exitCode } = await runProcess([...starter, process.execPath, PARENT, user]);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  return JSON.parse(stdout);
}

test("a child of a spared process starts with score 0, and the process is spared again", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("oom_score_adj", "-500\n");
  expect(startCleanly(() => readFileSync(file, "utf8"), file)).toBe("0");
  expect(readFileSync(file, "utf8")).toBe("-500");
  expect(() => startCleanly(() => expect.unreachable("no process"), file)).toThrow("no process");
  expect(readFileSync(file, "utf8")).toBe("-500");
});

test("a score that changes between two starts counts for the second one", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("oom_score_adj", "300\n");
  expect(startCleanly(() => readFileSync(file, "utf8"), file)).toBe("300\n");
  await directory.write("oom_score_adj", "-1000\n");
  expect(startCleanly(() => readFileSync(file, "utf8"), file)).toBe("0");
  expect(readFileSync(file, "utf8")).toBe("-1000");
});

test.each(["0\n", "300\n"])("a score of %j is not changed for a child", async (score) => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("oom_score_adj", score);
  expect(startCleanly(() => readFileSync(file, "utf8"), file)).toBe(score);
});

describe.if(IS_ROOT).each(["own", "other"] as const)("a command of its %s user", (user) => {
  test("keeps a score above 0", async () => {
    expect(await statesUnder(["choom", "-n", "300", "--"], user)).toMatchObject({
      score: "300",
      ownScore: "300",
    });
  });

  test("starts with nice 0 under a daemon with more, which keeps it", async () => {
    expect(await statesUnder(["nice", "-n", "-7"], user)).toMatchObject({ nice: "0", ownNice: "-7" });
  });

  test.if(canBeRealTime)(
    "starts with usual scheduling under a real-time daemon, which keeps it",
    async () => {
      expect(await statesUnder(["chrt", "-r", "5"], user)).toMatchObject({ policy: "TS", ownPolicy: "RR" });
    },
  );

  test("keeps a priority below that of others", async () => {
    expect(await statesUnder(["nice", "-n", "7"], user)).toMatchObject({ nice: "7", ownNice: "7" });
  });

  test("gets no inheritable and ambient capabilities of the daemon", async () => {
    const starter = ["setpriv", "--inh-caps=+net_raw,+net_admin", "--ambient-caps=+net_raw"];
    const none = "0".repeat(16);
    expect(await statesUnder(starter, user)).toMatchObject({ inheritable: none, ambient: none });
  });

  test("gets no bits that would keep capabilities for another user", async () => {
    const starter = ["setpriv", "--securebits=+no_setuid_fixup"];
    const states = await statesUnder(starter, user);
    expect(states["secureBits"]).not.toContain("fixup");
    if (user === "other") expect(states).toMatchObject({ permitted: "0".repeat(16) });
  });

  test("gets a new session keyring each time", async () => {
    const { keyring, otherKeyring, ownKeyring } = await statesUnder([], user);
    expect(keyring).toMatch(/^\d+$/);
    expect(new Set([keyring, otherKeyring, ownKeyring]).size).toBe(3);
  });

  test("gets the limits, the core dump filter and the timer slack of the daemon", async () => {
    const starter = [
      "sh",
      "-c",
      'ulimit -c 0; ulimit -n 777; echo 0x11 >/proc/self/coredump_filter; exec "$@"',
      "sh",
    ];
    const { limits, ownLimits, coreFilter, timerSlack } = await statesUnder(starter, user);
    expect(limits?.replace(/^Max open files.*$/m, "")).toBe(
      String(ownLimits?.replace(/^Max open files.*$/m, "")),
    );
    expect({ coreFilter, timerSlack }).toEqual({ coreFilter: "00000011", timerSlack: "50000" });
  });
});
