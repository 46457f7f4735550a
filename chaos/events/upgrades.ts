/** Cases in which a daemon replaces itself, by the same program and by one with another state. */
import { chmod, copyFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "../../scripts/compile.ts";
import { hostTarget, inspectThisMachine } from "../../scripts/this-machine.ts";
import type { Role } from "../call.ts";
import { endsNone } from "../case.ts";
import type { EmulatedCase } from "../case.ts";
import type { EmulatedSide } from "../stage.ts";

const ROOT = join(import.meta.dir, "../..");
/** The other build knows one more version of the state, and names this commit. */
const NEXT = { states: { min: 1, max: 2 }, commit: "next" };
const ROUNDS = 3;
/** Two replacements take a second, on a busy machine several. */
const CUT_MS = 8000;

/** No call may end. */
export const UPGRADE_CASES: Readonly<Record<string, EmulatedCase>> = {
  "upgrade-host": replace("host"),
  "upgrade-guest": replace("guest"),
  "upgrade-cut-host": replaceCut("host"),
  "upgrade-cut-guest": replaceCut("guest"),
  "upgrade-versions-host": upgrade("host"),
  "upgrade-versions-guest": upgrade("guest"),
};

function replace(role: Role): EmulatedCase {
  return {
    kind: "emulated",
    what: `the ${role}'s daemon replaces itself by the installed program`,
    mayEnd: endsNone,
    async strike({ sides }, { during }) {
      const replacing = reexec(sides[role]);
      during();
      await replacing;
    },
  };
}

/** The first new program has calls that cannot go on before the second one comes. */
function replaceCut(role: Role): EmulatedCase {
  return {
    kind: "emulated",
    what: `the ${role}'s daemon replaces itself twice while the host is disconnected`,
    mayEnd: endsNone,
    async strike({ port, sides }, { during }) {
      const over = port.disturb("cut", CUT_MS);
      during();
      for (let round = 0; round < 2; round++) await reexec(sides[role]);
      await over;
    },
  };
}

function upgrade(role: Role): EmulatedCase {
  return {
    kind: "emulated",
    what: `the ${role}'s daemon goes ${ROUNDS} times to a build with a newer state, and back`,
    mayEnd: endsNone,
    async prepare({ binary, directory }) {
      const target = hostTarget(await inspectThisMachine());
      await compile({ root: ROOT, target, outfile: `${directory}/next`, ...NEXT });
      await install(binary, directory);
      return (side) => (side === role ? [`${directory}/installed`] : [binary]);
    },
    async strike({ sides, directory, binary }, { during }) {
      for (let round = 0; round < 2 * ROUNDS; round++) {
        const isNext = round % 2 === 0;
        await install(isNext ? `${directory}/next` : binary, directory);
        const replacing = reexec(sides[role]);
        during(["host", "guest"], round === 0 ? ["waiting", "raw", "text", "note"] : ["waiting"]);
        const version = await replacing;
        if (version.includes(`commit ${NEXT.commit}`) !== isNext)
          throw new Error(`The ${role}'s daemon became another program: ${version}`);
      }
    },
  };
}

/** Puts a program at its place, as a package manager does. */
async function install(program: string, directory: string): Promise<void> {
  await copyFile(program, `${directory}/fresh`);
  await chmod(`${directory}/fresh`, 0o755);
  await rename(`${directory}/fresh`, `${directory}/installed`);
}

/** Resolves with the line of the new program. */
async function reexec(side: EmulatedSide): Promise<string> {
  const ended = await side.run(`${side.words.program} reexec`).ended;
  if (ended === "gone" || ended.exitCode !== 0)
    throw new Error(`A daemon was not replaced: ${JSON.stringify(ended)}`);
  return ended.stdout;
}
