/** Finds the place of a path under the root of a mounted image, as the machine itself would. */
import { lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, NegotiatorError } from "../../errors.ts";

/**
 * Returns the place of `path` under `root` without links on the way. A link at the end is not followed,
 * unless `followsLast` says so. Links of an image lead to places in the image: an absolute one in it must not
 * lead to a file of this machine. Parts that do not exist are taken as they are. Throws `BAD_CONFIG` for too
 * many links.
 */
export function placeInRoot(root: string, path: string, followsLast = FOLLOWS_NOT): string {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  let inside: string[] = [];
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === "..") {
      inside.pop();
      continue;
    }
    const isLast = names.length === 0;
    const target = isLast && !followsLast.last ? undefined : readLink(join(root, ...inside, name));
    if (target === undefined) {
      inside.push(name);
      continue;
    }
    links++;
    if (links > MOST_LINKS) {
      throw new NegotiatorError("BAD_CONFIG", `Cannot follow "${join(root, path)}": too many links`, {
        remedy: `Look at its links: namei -l ${join(root, path)}`,
      });
    }
    if (target.startsWith("/")) inside = [];
    names.unshift(...target.split("/").filter((part) => part !== "" && part !== "."));
  }
  return join(root, ...inside);
}

/** Whether a link at the end of the path is followed. */
const FOLLOWS_NOT = { last: false };
/** As in the kernel (MAXSYMLINKS of include/linux/namei.h). */
const MOST_LINKS = 40;

function readLink(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR"].includes(errnoOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}

/** Returns whether something is at `path` of the machine under `root`, behind all links. */
export function existsInRoot(root: string, path: string): boolean {
  try {
    lstatSync(placeInRoot(root, path, { last: true }));
    return true;
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR", "BAD_CONFIG"].includes(errnoOf(thrown) ?? "")) return false;
    throw thrown;
  }
}
