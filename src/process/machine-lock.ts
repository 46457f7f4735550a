/** Lets only one process at a time change this machine or the domains of its libvirt. */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import { isAbsolute, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { toolEnvironment } from "../config/config.ts";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";
import { tryLockFile } from "./libc.ts";
import { standardOutput } from "../standard-output.ts";
import { findOwnershipFault, ourUid } from "../trust/ownership.ts";

/**
 * - `name`: holders of different names do not wait for each other.
 * - `work`: what is done under the lock, as other processes name it: `add-channel`.
 * - `directory`: for tests. By default a directory that only this user can write to, and root's is the same
 *   for all its processes.
 */
export type MachineLockOptions = {
  name: "channels" | "install" | "fix";
  work: string;
  waitMs?: number;
  directory?: string | undefined;
};

/** A hundred domains take about half of this. */
const WAIT_MS = 120_000;
const STEP_MS = 50;
const MODE = 0o600;
const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
const HOLDER_BYTES = 100;
/** Without a lock file the change can go on: a full disk must not keep a person from an uninstallation. */
const NO_ROOM = new Set<string | undefined>(["ENOSPC", "EDQUOT", "EROFS", "ENOENT"]);

/**
 * Takes the lock, and writes a line to stderr if it waits for that. Disposal gives it back, and so does the
 * end of the process. Rejects with `BUSY` after the time, and with `DENIED` if another user has made the
 * file.
 */
export async function lockMachine(options: MachineLockOptions): Promise<Disposable> {
  const { name, work, waitMs = WAIT_MS, directory = lockDirectory() } = options;
  const descriptor = directory === undefined ? undefined : open(join(directory, `negotiator-${name}.lock`));
  if (descriptor === undefined) return { [Symbol.dispose]: () => undefined };
  try {
    await waitFor(descriptor, waitMs);
    ftruncateSync(descriptor);
    writeSync(descriptor, `${work} (process ${process.pid})`, 0);
    return { [Symbol.dispose]: () => closeSync(descriptor) };
  } catch (thrown) {
    closeSync(descriptor);
    throw thrown;
  }
}

/** No other user can lock a file there. Not `/run/negotiator`, which ends with a daemon. */
function lockDirectory(): string | undefined {
  if (ourUid() === 0) return "/run";
  const { XDG_RUNTIME_DIR: own = "" } = toolEnvironment();
  const status = isAbsolute(own) ? statSync(own, { throwIfNoEntry: false }) : undefined;
  return status?.uid === ourUid() ? own : undefined;
}

function open(path: string): number | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, MODE);
  } catch (thrown) {
    if (NO_ROOM.has(errnoOf(thrown))) return undefined;
    const reason = errnoOf(thrown) ?? NegotiatorError.from(thrown).message;
    throw new NegotiatorError("DENIED", `Cannot take the lock "${path}": ${reason}`, {
      remedy: `Look at it: ls -l ${path}`,
    });
  }
  const status = fstatSync(descriptor);
  const fault = findOwnershipFault(status, ourUid(), path);
  if (fault === undefined && (status.mode & 0o077) === 0) return descriptor;
  closeSync(descriptor);
  const problem = fault?.problem ?? "others may open it";
  throw new NegotiatorError("DENIED", `Cannot take the lock "${path}": ${problem}`, {
    remedy: `Remove it: rm ${path}`,
  });
}

async function waitFor(descriptor: number, waitMs: number): Promise<void> {
  let hasSaid = false;
  for (const untilMs = performance.now() + waitMs; !tryLockFile(descriptor);) {
    const holder = holderOf(descriptor);
    if (performance.now() >= untilMs) {
      throw new NegotiatorError("BUSY", `Waited ${waitMs / 1000} s in vain for ${holder} to end`, {
        remedy: "Wait for its end, or stop it, and then repeat this",
      });
    }
    if (!hasSaid)
      await standardOutput.write(
        "stderr",
        `Waiting up to ${waitMs / 1000} s for ${holder} to end; Ctrl-C stops\n`,
      );
    hasSaid = true;
    await delay(STEP_MS);
  }
}

function holderOf(descriptor: number): string {
  const bytes = Buffer.alloc(HOLDER_BYTES);
  const text = bytes.toString("utf8", 0, readSync(descriptor, bytes, 0, bytes.length, 0)).trim();
  return text === "" ? "another negotiator" : `another ${printable(text)}`;
}
