/** Keeps the lower users of commands in a file, so that a restart forgets none of them. */
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { isRecord } from "../../strict/records.ts";
import { STATE_FILES } from "../../process/file-turns.ts";
import { readTrustedFileLate } from "../../trust/late-files.ts";
import type { LowerUserMemory, LowerUserState } from "./lower-users.ts";
import { prepareStateDirectory } from "./state-directory.ts";

const log = logFor("commands");

/**
 * Returns the memory of the commands in `directories`, in a file of the directory `place`. Each role and each
 * list of directories has its own. A file that cannot be read or written is logged.
 */
export function createLowerUserFile(
  place: string,
  role: "host" | "guest",
  directories: () => readonly string[],
): LowerUserMemory {
  const pathNow = (): string => {
    const digest = Bun.hash(JSON.stringify(directories())).toString(16);
    return join(place, `lower-users.${role}.${digest}.json`);
  };
  let saved: string | undefined;
  let writing = Promise.resolve();
  return {
    async load() {
      const path = pathNow();
      try {
        const text = await readTrustedFileLate(path);
        if (text === undefined) return undefined;
        const state = parse(text);
        saved = `${path} ${format(state, directories())}`;
        return state;
      } catch (thrown) {
        const { message } = NegotiatorError.from(thrown);
        log.error(`Cannot read which commands ran as lower users, so all run as they are now: ${message}`);
        return undefined;
      }
    },
    save(state) {
      const path = pathNow();
      const text = format(state, directories());
      const isNew = saved !== `${path} ${text}` && (saved !== undefined || state.held.length > 0);
      if (!isNew) return writing;
      saved = `${path} ${text}`;
      writing = writing.then(() => STATE_FILES.run(() => replace(place, path, text))).catch(warn);
      return writing;
    },
  };
}

const OWNER_ONLY = 0o600;

function format({ held, accepted }: LowerUserState, directories: readonly string[]): string {
  return `${JSON.stringify({ version: 1, directories, held, accepted })}\n`;
}

function parse(text: string): LowerUserState {
  const value: unknown = JSON.parse(text);
  const { held, accepted, version }: Record<PropertyKey, unknown> = isRecord(value) ? value : {};
  if (version !== 1 || !isPairs(held) || !isTexts(accepted)) {
    throw new NegotiatorError("BAD_CONFIG", "the file is not one of this release", {
      remedy: "Remove it, if all commands are as they should be",
    });
  }
  return { held, accepted };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isPairs(value: unknown): value is [string, string][] {
  return Array.isArray(value) && value.every((item) => isTexts(item) && item.length === 2);
}

/** A daemon that is killed meanwhile leaves the old file or the new one. */
async function replace(place: string, path: string, text: string): Promise<void> {
  await prepareStateDirectory(place);
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, text, { mode: OWNER_ONLY, flush: true });
  await rename(temporary, path);
}

function warn(thrown: unknown): void {
  const { message } = NegotiatorError.from(thrown);
  log.warn(`A restart will forget which commands ran as lower users: ${message}`);
}
