/**
 * Tests calls between this build and release 0.1.0, in both roles and both directions, over emulated ports.
 */
import { describe, expect, test } from "bun:test";
import { hostBinary } from "../support/binary.ts";
import { SCRIPTS } from "../support/guest-commands.ts";
import type { Program } from "../support/program.ts";
import { createRandom, chooseSeed } from "../support/random.ts";
import { createStage } from "../support/stage.ts";
import type { Side, Stage } from "../support/stage.ts";
import { TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { until } from "../support/until.ts";

const OLD_BINARY = process.env["NEGOTIATOR_OLD_BINARY"];
/** So many bytes that most of them are in flight at each cut. */
const CUT_BYTES = 2_000_000;
const CUTS = 2;

if (OLD_BINARY === undefined) {
  console.warn(
    'Left out: "calls between two releases": set NEGOTIATOR_OLD_BINARY to a binary of release 0.1.0',
  );
}

const releases: [title: string, old: "host" | "guest"][] = [
  ["an old host and a new guest", "host"],
  ["a new host and an old guest", "guest"],
];

describe.skipIf(OLD_BINARY === undefined).each(releases)("%s", (_, old) => {
  test(
    "both releases run each other's commands with arguments, input, output and exit codes",
    async () => {
      await using stage = await createMixedStage(old);
      for (const [caller, before] of directions(stage)) {
        const run = (words: string[], stdin?: string) =>
          caller.run(["execute", ...before, ...words], stdin === undefined ? {} : { stdin });
        const works = { exitCode: 0, stderr: "" };
        expect(await run(["show", "a b", "", "ü'", "--help"])).toMatchObject({
          ...works,
          stdout: "[a b]\n[]\n[ü']\n[--help]\n",
        });
        expect(await run(["cat"], "naïve\ninput\n")).toMatchObject({ ...works, stdout: "naïve\ninput\n" });
        expect(await run(["cat"])).toMatchObject({ ...works, stdout: "" });
        expect(await run(["fail"])).toMatchObject({ exitCode: 3, stdout: "out\n", stderr: "err\n" });
        expect(await run(["die"])).toMatchObject({ exitCode: 137, stdout: "", stderr: "" });
        const other = caller.role === "host" ? "guest whoami  \n" : "host whoami web1 \n";
        expect(await run(["whoami"])).toMatchObject({ ...works, stdout: other });
        const unknown = await run(["shwo"]);
        expect(unknown).toMatchObject({ exitCode: 127, stdout: "" });
        expect(unknown.stderr).toContain("show");
      }
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "both releases list each other's commands and report an open native session",
    async () => {
      await using stage = await createMixedStage(old);
      for (const [caller, before] of directions(stage)) {
        const listed = await caller.run(["list-commands", ...before]);
        expect(listed).toMatchObject({ exitCode: 0, stderr: "" });
        const names = [...Object.keys(SCRIPTS), "find-ip-addresses"];
        expect(listed.stdout.split("\n")).toEqual(expect.arrayContaining(names));
        const status = await caller.run(["status", ...before, "--json"]);
        expect(status).toMatchObject({ exitCode: 0, stderr: "" });
        expect(JSON.parse(status.stdout)).toMatchObject({
          state: "open",
          dialect: "native",
          lastError: null,
        });
      }
      expect(await stage.host.run(["list-guests"])).toMatchObject({ exitCode: 0, stdout: "web1\n" });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a call between two releases loses and repeats no byte when its channel is cut",
    async () => {
      const seed = chooseSeed();
      await using stage = await createMixedStage(old);
      for (const [caller, before] of directions(stage)) {
        const input = createRandom(seed).bytes(CUT_BYTES);
        await using running = caller.launch(["execute", "-t", "0", ...before, "cat"], { stdin: input });
        const pieces: Uint8Array[] = [];
        let length = 0;
        let cuts = 0;
        for (let bytes = await running.read(); bytes !== undefined; bytes = await running.read()) {
          pieces.push(bytes);
          length += bytes.length;
          if (cuts === CUTS || length < (cuts * CUT_BYTES) / (CUTS + 1)) continue;
          stage.guest().port.dropHost();
          cuts++;
        }
        const { exitCode, stderr } = await running.ended();
        expect({ seed, exitCode, stderr, cuts }).toEqual({ seed, exitCode: 0, stderr: "", cuts: CUTS });
        expect(Buffer.compare(Buffer.concat(pieces), input)).toBe(0);
      }
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a deadline ends the command of the other release with exit code 124",
    async () => {
      await using stage = await createMixedStage(old);
      for (const [caller, before] of directions(stage)) {
        const { exitCode, stdout } = await caller.run(["execute", "-t", "4", ...before, "hang"]);
        expect(exitCode).toBe(124);
        const group = Number(stdout);
        await until("the command has ended", () => !isAlive(group));
      }
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a daemon serves a command line of the other release at its control socket",
    async () => {
      await using stage = await createMixedStage(old);
      const other = await programs();
      for (const [caller, before] of directions(stage)) {
        const program = caller.role === old ? other.new : other.old;
        const run = (words: string[], stdin = "") => caller.run(words, { program, stdin });
        expect(await run(["execute", ...before, "cat"], "x\n")).toMatchObject({ exitCode: 0, stdout: "x\n" });
        expect(await run(["execute", ...before, "fail"])).toMatchObject({ exitCode: 3, stdout: "out\n" });
        const status = await run(["status", ...before, "--json"]);
        expect(JSON.parse(status.stdout)).toMatchObject({ state: "open", dialect: "native" });
      }
    },
    TEST_TIMEOUT_MS,
  );
});

async function programs(): Promise<{ old: Program; new: Program }> {
  return { old: [OLD_BINARY ?? ""], new: [await hostBinary()] };
}

/** Starts a host and a guest; the side `old` runs release 0.1.0. */
async function createMixedStage(old: "host" | "guest"): Promise<Stage> {
  const { old: oldProgram, new: newProgram } = await programs();
  const stage = await createStage({
    programs:
      old === "host" ? { host: oldProgram, guest: newProgram } : { host: newProgram, guest: oldProgram },
  });
  for (const side of [stage.host, stage.guest()]) {
    for (const [name, script] of Object.entries(SCRIPTS)) await side.command(name, script);
  }
  return stage;
}

/** Returns both callers, each with the words that name its peer. */
function directions(stage: Stage): [caller: Side, before: string[]][] {
  return [
    [stage.host, ["web1"]],
    [stage.guest(), []],
  ];
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
