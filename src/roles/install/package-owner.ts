/** Whether a package of the system's own kind has installed the program. */
import { readFileSync } from "node:fs";
import { NegotiatorError } from "../../errors.ts";
import { runText } from "../../process/run-text.ts";
import { existsInRoot, placeInRoot } from "./place-in-root.ts";

/** The program's path in packages. */
export const PACKAGED_PROGRAM = "/usr/bin/negotiator";

/** Returns the kind of the package that owns the program, such as `dpkg`; undefined without one. */
export async function findPackage(root: string): Promise<"dpkg" | "apk" | "rpm" | undefined> {
  if (!existsInRoot(root, PACKAGED_PROGRAM)) return undefined;
  if (hasLine(root, "/var/lib/dpkg/info/negotiator.list", PACKAGED_PROGRAM)) return "dpkg";
  if (hasLine(root, "/lib/apk/db/installed", "P:negotiator")) return "apk";
  return (await isOwnedByRpm(root)) ? "rpm" : undefined;
}

function hasLine(root: string, path: string, line: string): boolean {
  if (!existsInRoot(root, path)) return false;
  return readFileSync(placeInRoot(root, path, { last: true }), "utf8")
    .split("\n")
    .includes(line);
}

async function isOwnedByRpm(root: string): Promise<boolean> {
  if (!RPM_DATABASES.some((path) => existsInRoot(root, path))) return false;
  const { signal } = new AbortController();
  const argv = ["rpm", "--root", root, "-qf", PACKAGED_PROGRAM];
  try {
    const limits = { timeoutMs: RPM_MS, outputBytes: 64 * 1024, environment: {}, signal };
    return (await runText(argv, limits)).exitCode === 0;
  } catch (thrown) {
    // An image of another distribution can be edited on a machine without rpm.
    if (NegotiatorError.from(thrown).code === "NO_COMMAND") return false;
    throw thrown;
  }
}

const RPM_DATABASES = ["/usr/lib/sysimage/rpm", "/var/lib/rpm"];
const RPM_MS = 20_000;
