/** Finds the part of a path that exists. */
import { dirname } from "node:path";
import { walkLocally } from "../../process/mount-table.ts";

/**
 * Returns the directory itself, or the nearest one above it that is there. Returns undefined if the way leads
 * onto a file system where a look could hang, or to a place that this user may not see.
 */
export function findExisting(directory: string): string | undefined {
  for (let path = directory; ; path = dirname(path)) {
    const place = walkLocally(path);
    if (place?.status !== undefined) return path;
    if (place === undefined || path === "/") return undefined;
  }
}
