/**
 * Whether this program has frozen file systems. A write to one would stop the only thread until the thaw,
 * which this thread has to start. So all that writes files asks here first.
 */

let frozen: PromiseWithResolvers<void> | undefined;

/** Returns whether file systems are frozen. */
export function isDiskFrozen(): boolean {
  return frozen !== undefined;
}

/** Resolves when no file system is frozen, at once if none is. */
export async function untilDiskThaws(): Promise<void> {
  await frozen?.promise;
}

/** Holds all writes until `thawDisk`. Called before the first file system is frozen. */
export function freezeDisk(): void {
  frozen ??= Promise.withResolvers();
}

/** Lets the writes go on. Called after the last file system is thawed. */
export function thawDisk(): void {
  frozen?.resolve();
  frozen = undefined;
}
