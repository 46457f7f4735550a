/** Tests what this build and release 0.1.0 say about each other, in both roles, over emulated ports. */
import { describe, expect, test } from "bun:test";
import { hostBinary } from "../support/binary.ts";
import { SCRIPTS } from "../support/guest-commands.ts";
import type { Program } from "../support/program.ts";
import { createStage } from "../support/stage.ts";
import type { Side, Stage } from "../support/stage.ts";
import { TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { until } from "../support/until.ts";
import { VERSION } from "../../src/version.ts";

const OLD_BINARY = process.env["NEGOTIATOR_OLD_BINARY"];
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
    "calls fail within their deadline, with exit code 125 and the names of both releases",
    async () => {
      await using stage = await createMixedStage(old);
      for (const [caller, before] of directions(stage)) {
        const { role } = caller;
        const { exitCode, stdout, stderr } = await caller.run(["execute", "-t", "8", ...before, "show"]);
        expect({ role, exitCode, stdout }).toEqual({ role, exitCode: 125, stdout: "" });
        if (role !== old) expect(stderr).toContain(MISMATCH[old]);
      }
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "status and log of the new release name both releases and what to install",
    async () => {
      await using stage = await createMixedStage(old);
      const [side, before]: [Side, string[]] = old === "host" ? [stage.guest(), []] : [stage.host, ["web1"]];
      await until("the status names both releases", async () => {
        const status = await side.run(["status", ...before, "--json"]);
        return status.stdout.includes(JSON.stringify(MISMATCH[old]).slice(1, -1));
      });
      await side.daemon.says(MISMATCH[old].split("\n")[0] ?? "");
    },
    TEST_TIMEOUT_MS,
  );
});

/** The words of the new release, by the role that runs the old one. A release 0.1 does not say its patch. */
const MISMATCH = {
  host:
    `negotiator ${VERSION} on the guest and negotiator 0.1.0 on the host have no common protocol version ` +
    `(2 and 1)\nInstall negotiator ${VERSION} on the host`,
  guest:
    `negotiator ${VERSION} on the host and negotiator 0.1 on the guest have no common protocol version ` +
    `(2 and 1)\nInstall negotiator ${VERSION} on the guest`,
};

async function programs(): Promise<{ old: Program; new: Program }> {
  return { old: [OLD_BINARY ?? ""], new: [await hostBinary()] };
}

/** Starts a host and a guest; the side `old` runs release 0.1.0. */
async function createMixedStage(old: "host" | "guest"): Promise<Stage> {
  const { old: oldProgram, new: newProgram } = await programs();
  const stage = await createStage({
    withoutDaemons: true,
    programs:
      old === "host" ? { host: oldProgram, guest: newProgram } : { host: newProgram, guest: oldProgram },
  });
  for (const side of [stage.host, stage.guest()]) {
    for (const [name, script] of Object.entries(SCRIPTS)) await side.command(name, script);
    await side.start();
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
