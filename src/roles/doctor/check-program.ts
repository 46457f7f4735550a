/** Looks whether the program is installed once. */
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { shellWord } from "../../shell-word.ts";
import { VERSION } from "../../version.ts";
import { findPackage, PACKAGED_PROGRAM } from "../install/package-owner.ts";
import { defineCheck } from "./check.ts";
import { ok, warning } from "./finding.ts";
import type { Found } from "./finding.ts";

/** `found`: the files called negotiator where programs are, without links to each other. */
type Programs = { own: string; found: readonly string[]; packaged: boolean };

/** More than one binary: the service may run another one than the command line. */
export const CHECK_PROGRAM = defineCheck<Programs>({
  name: "program",
  async look() {
    const own = await realpath(process.execPath).catch(() => process.execPath);
    const paths = DIRECTORIES.map((directory) => realpath(join(directory, "negotiator")).catch(() => ""));
    const found = new Set((await Promise.all(paths)).filter((path) => path !== ""));
    return {
      own,
      found: [...found],
      packaged: (await findPackage("/").catch(() => undefined)) !== undefined,
    };
  },
  judge: judgePrograms,
});

/** The directories of programs in packages, and of those that a person installs. */
const DIRECTORIES = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/opt/negotiator/bin"];

/** Judges the programs that are installed. */
export function judgePrograms({ own, found, packaged }: Programs): readonly Found[] {
  const here = `negotiator ${VERSION} at ${own}`;
  const others = found.filter((path) => path !== own);
  if (others.length === 0) return [ok(here)];
  const all = [own, ...others].filter((path) => found.includes(path));
  if (all.length < 2) return [ok(`${here}; installed is ${others.join(", ")}`)];
  const extra = packaged ? all.filter((path) => path !== PACKAGED_PROGRAM) : others;
  return [
    warning(
      `two programs are installed, and the service may run the other one: ${all.join(", ")}`,
      `Remove the one that is not needed: rm ${extra.map(shellWord).join(" ")}`,
    ),
  ];
}
