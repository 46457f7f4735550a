/** Looks whether the program is installed once. */
import { readlink, realpath } from "node:fs/promises";
import { join } from "node:path";
import { shellWord } from "../../shell-word.ts";
import { judgeFile, judgeNow, judgePath } from "../../trust/path-trust.ts";
import { TARGET, VERSION } from "../../version.ts";
import { findPackage, PACKAGED_PROGRAM } from "../install/package-owner.ts";
import { findProgramFault } from "../install/program-fault.ts";
import { findDaemons } from "../install/running-daemon.ts";
import { LOCAL_PROGRAM } from "../install/service-files.ts";
import { defineCheck } from "./check.ts";
import { ok, problem, warning } from "./finding.ts";
import type { Found } from "./finding.ts";
import { changesOf } from "./unit.ts";

/**
 * `found`: the files called negotiator where programs are, without links to each other. `used`: those that
 * daemons run, or the service would.
 */
type Programs = {
  own: string;
  found: readonly string[];
  used: readonly string[];
  packaged: boolean;
  /** Files that the service is made of, with what is wrong with them. */
  faults: readonly ServiceFault[];
};

/** `remedy`: what helps. `text` names the file. `isDoubt`: it may be as its administrator wants it. */
type ServiceFault = { text: string; remedy: string; isDoubt?: boolean };

/** More than one binary: the service may run another one than the command line. */
export const CHECK_PROGRAM = defineCheck<Programs>({
  name: "program",
  async look({ role, unit: readUnit }) {
    const own = await realpath(process.execPath).catch(() => process.execPath);
    const paths = DIRECTORIES.map((directory) => realpath(join(directory, "negotiator")).catch(() => ""));
    const found = new Set((await Promise.all(paths)).filter((path) => path !== ""));
    const unit = await readUnit().catch(() => undefined);
    const [, start = ""] = /path=(\S+) ;/.exec(unit?.["ExecStart"] ?? "") ?? [];
    const running = findDaemons(role).map(({ pid }) => readlink(`/proc/${pid}/exe`).catch(() => ""));
    const file = unit?.["FragmentPath"] ?? "";
    const parts = [start, file].filter((path) => path !== "");
    const isOurs = [PACKAGED_PROGRAM, LOCAL_PROGRAM].includes(start);
    const namedIn = isOurs ? [] : [...changesOf(unit ?? {}), file];
    const started = await realpath(start).catch(() => start);
    const used = [started, ...(await Promise.all(running))];
    const packaged = (await findPackage("/").catch(() => undefined)) !== undefined;
    const others = [...new Set([...found, started])].filter((path) => path !== own && path !== "");
    const faults = others.map(async (path) => {
      const fault = await findBrokenProgram(path, { role, own, packaged });
      return fault === undefined ? [] : [[path, fault] as const];
    });
    const broken = new Map((await Promise.all(faults)).flat());
    return {
      own,
      found: [...found].filter((path) => !broken.has(path)),
      used: used.filter((path) => path !== ""),
      faults: [
        ...parts.flatMap(
          (path) => findServiceFault(path, role, { namedIn: path === start ? namedIn : [] }) ?? [],
        ),
        ...broken.values(),
      ],
      packaged,
    };
  },
  judge: judgePrograms,
});

/**
 * A user who can replace a program of root is root. Daemons refuse their config and commands for the same
 * reasons. `namedIn`: the files of the unit that may name this program, if no installation makes it.
 */
export function findServiceFault(
  path: string,
  role: "host" | "guest",
  { namedIn }: { namedIn: readonly string[] } = { namedIn: [] },
): ServiceFault | undefined {
  const trust = { uid: 0, groups: "own" } as const;
  try {
    return judgeNow((eyes) => {
      const { fault, place, status } = judgePath(path, trust, eyes);
      if (status === undefined)
        return {
          text: `the service runs ${path}, which is missing`,
          remedy:
            namedIn.length === 0
              ? `Install it again: negotiator ${role} install`
              : `Correct ExecStart= in ${namedIn.map(shellWord).join(" or ")}\n` +
                `Then: systemctl daemon-reload; systemctl restart negotiator-${role}`,
        };
      const wrong = fault ?? judgeFile(place, status, 0, eyes);
      return wrong && { text: `others may replace ${path}: ${wrong.problem}`, remedy: wrong.remedy };
    });
  } catch {
    // A user without rights may not look.
    return undefined;
  }
}

type Installation = { role: "host" | "guest"; own: string; packaged: boolean };

/** Resolves with the reason why the program at this path cannot run on this machine. */
export async function findBrokenProgram(
  path: string,
  { role, own, packaged }: Installation,
): Promise<ServiceFault | undefined> {
  try {
    const fault = await findProgramFault(path, { root: "/", architecture: process.arch });
    if (fault === undefined) return undefined;
    const { problem: why, remedy, isScript } = fault;
    const again =
      packaged && path === PACKAGED_PROGRAM
        ? "Install the package again, the one for this machine: uname -m"
        : TARGET === "source"
          ? `Install it again: negotiator ${role} install --force`
          : `Put this program in its place: install -m 755 ${shellWord(own)} ${shellWord(path)}`;
    return {
      text: isScript ? `${path} is not the program: ${why}` : `${path} cannot run here: ${why}`,
      remedy: remedy ?? again,
      isDoubt: isScript,
    };
  } catch {
    // A user without rights may not look.
    return undefined;
  }
}

/** The directories of programs in packages, and of those that a person installs. */
const DIRECTORIES = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/opt/negotiator/bin"];

/** Judges the programs that are installed. */
export function judgePrograms({ faults, ...programs }: Programs): readonly Found[] {
  const found = faults.map(({ text, remedy, isDoubt }) =>
    isDoubt === true ? warning(text, remedy) : problem(text, remedy),
  );
  return [...found, ...judgeCopies(programs)];
}

function judgeCopies({ own, found, used, packaged }: Omit<Programs, "faults">): readonly Found[] {
  const here = `negotiator ${VERSION} at ${own}`;
  const others = found.filter((path) => path !== own);
  if (others.length === 0) return [ok(here)];
  const all = [own, ...others].filter((path) => found.includes(path));
  if (all.length < 2) return [ok(`${here}; installed is ${others.join(", ")}`)];
  const isUsed = all.some((path) => used.includes(path));
  const kept = packaged ? [PACKAGED_PROGRAM] : isUsed ? used : [own];
  const extra = all.filter((path) => !kept.includes(path));
  if (extra.length === 0)
    return [warning(`two programs are installed, and both run: ${all.join(", ")}`, "Keep only one of them")];
  const running = extra.filter((path) => used.includes(path)).map(shellWord);
  const first =
    running.length === 0 ? "" : `Let the service run ${PACKAGED_PROGRAM}, not ${running.join(" ")}\n`;
  return [
    warning(
      `two programs are installed, and the service may run the other one: ${all.join(", ")}`,
      `${first}Remove the one that is not needed: rm ${extra.map(shellWord).join(" ")}`,
    ),
  ];
}
