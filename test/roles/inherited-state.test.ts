/** State that a daemon or a caller inherits from its parent process: it changes no call. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createStage } from "../support/stage.ts";
import type { Side, Stage } from "../support/stage.ts";
import { PROGRAM } from "../support/program.ts";
import type { Ended } from "../support/program.ts";

setDefaultTimeout(180_000);

const SCRIPTS = {
  end: 'exit "$1"',
  die: 'kill -"$1" $$',
  copy: "exec cat",
  signals: "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\t\\n'",
  mask: "umask",
} as const;

async function plant(side: Side): Promise<void> {
  for (const [name, script] of Object.entries(SCRIPTS)) await side.command(name, `#!/bin/sh\n${script}\n`);
}

/** Calls whose ends do not depend on what a daemon or a caller inherits. */
const CALLS: [words: string[], exitCode: number, stdout: string][] = [
  [["end", "0"], 0, ""],
  [["end", "7"], 7, ""],
  [["end", "255"], 255, ""],
  [["die", "TERM"], 128 + 15, ""],
  [["die", "PIPE"], 128 + 13, ""],
  [["die", "CHLD"], 0, ""],
  [["copy"], 0, "input"],
  [["signals"], 0, "SigBlk:0000000000000000SigIgn:0000000000000000"],
  [["mask"], 0, "0022\n"],
];

/** Runs the rest of the words with another state. */
const state = (line: string): string[] => ["/bin/bash", "-c", `${line}; exec "$@"`, "bash"];

/** Runs the calls, and returns what came out. */
async function callAll(run: (words: readonly string[]) => Promise<Ended>): Promise<unknown[]> {
  const ended: unknown[] = [];
  for (const [words] of CALLS) {
    const { exitCode, stdout, stderr } = await run(words);
    ended.push({ words, exitCode, stdout, stderr });
  }
  return ended;
}

const EXPECTED = CALLS.map(([words, exitCode, stdout]) => ({ words, exitCode, stdout, stderr: "" }));

test.each([
  ["all signals ignored", ["/usr/bin/env", "--ignore-signal"]],
  ["SIGCHLD ignored", ["/usr/bin/env", "--ignore-signal=CHLD"]],
  ["all signals blocked", ["/usr/bin/env", "--block-signal"]],
  ["all signals ignored and blocked", ["/usr/bin/env", "--ignore-signal", "--block-signal"]],
  ["the mask 0777", state("umask 0777")],
])("commands of daemons that were started with %s end as usual", async (_, prefix) => {
  const program = [...prefix, ...PROGRAM];
  await using stage = await createStage({ programs: { host: program, guest: program } });
  for (const side of [stage.host, stage.guest()]) await plant(side);
  const options = { program: PROGRAM, stdin: "input" };
  const [toGuest, toHost] = await Promise.all([
    callAll((words) => stage.host.run(["host", "execute", "web1", ...words], options)),
    callAll((words) => stage.guest().run(["guest", "execute", ...words], options)),
  ]);
  expect(toGuest).toEqual(EXPECTED);
  expect(toHost).toEqual(EXPECTED);
});

describe("callers", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await createStage();
    await plant(stage.guest());
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test.each([
    [
      "all signals ignored but those of the runtime",
      ["/usr/bin/env", "--ignore-signal", "--default-signal=PWR"],
    ],
    ["all signals blocked", ["/usr/bin/env", "--block-signal"]],
    ["the mask 0777", state("umask 0777")],
    ["few descriptors", state("ulimit -n 32")],
    ["no files to write", state("ulimit -f 0")],
    ["a low priority", ["/usr/bin/nice", "-n", "19"]],
  ])("a caller with %s gets each exit code", async (_, prefix) => {
    const options = { program: [...prefix, ...PROGRAM], stdin: "input" };
    const ended = await callAll((words) => stage.host.run(["host", "execute", "web1", ...words], options));
    expect(ended).toEqual(EXPECTED);
  });

  test.each([
    ["<&-", "input", ""],
    ["2>&-", "input", "input"],
    ["<&- 2>&-", "input", ""],
  ])("a caller that was started with %s gets each exit code", async (closed, stdin, copied) => {
    const program = ["/bin/bash", "-c", `exec "$@" ${closed}`, "bash", ...PROGRAM];
    const call = (...words: string[]) =>
      stage.host.run(["host", "execute", "web1", ...words], { program, stdin });
    expect(await call("end", "7")).toMatchObject({ exitCode: 7 });
    expect(await call("die", "TERM")).toMatchObject({ exitCode: 143 });
    expect(await call("copy")).toMatchObject({ exitCode: 0, stdout: copied });
    expect(await call("nothing")).toMatchObject({ exitCode: 127 });
  });
});
