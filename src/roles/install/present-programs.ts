/** Which of the programs that an installation can use are on this machine. */
import { findProgram } from "../../process/program-path.ts";

/** The programs that other systems do not have. */
const NAMES = [
  "getent",
  "groupadd",
  "groupdel",
  "addgroup",
  "delgroup",
  "update-rc.d",
  "chkconfig",
  "guestmount",
] as const;

/** Returns whether the machine has a program. */
export type HasProgram = (name: (typeof NAMES)[number]) => boolean;

/** Looks for all of them. */
export async function findPrograms(): Promise<HasProgram> {
  const paths = await Promise.all(NAMES.map((name) => findProgram(name)));
  const present = new Set(NAMES.filter((_, index) => paths[index] !== undefined));
  return (name) => present.has(name);
}
