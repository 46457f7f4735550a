/**
 * Keeps a command that ran as a lower user from running as a higher one, until an administrator asks for a
 * reload: settings that are missing for a moment give no rights.
 */
import type { CommandFile } from "../../methods/command-files.ts";
import type { UserCache } from "../../process/user-cache.ts";

/**
 * The names and files that had a lower user, with that user; and the pairs of name and file that an
 * administrator has accepted as they are: one file may have several names.
 */
export type LowerUserState = { held: [key: string, user: string][]; accepted: string[] };

/** Keeps the state from one daemon to the next. No function throws or rejects. */
export type LowerUserMemory = {
  /** Resolves with what was saved; undefined if nothing was. */
  load: () => Promise<LowerUserState | undefined>;
  /** Resolves when the state is saved. */
  save: (state: LowerUserState) => Promise<void>;
};

/** Knows the lower users of commands. */
export type LowerUsers = {
  /**
   * Returns the files, with those refused that would run as a higher user than before. With `isAsked`, an
   * administrator asked for the files as they are, and nothing from before counts. The same is true for the
   * first files of all, if `memory` has nothing.
   */
  apply: (
    files: ReadonlyMap<string, CommandFile>,
    isAsked: boolean,
  ) => Promise<ReadonlyMap<string, CommandFile>>;
};

/** Options of `createLowerUsers`. `uidOf` returns our user id, as which commands run without settings. */
export type LowerUserOptions = {
  role: "host" | "guest";
  users: UserCache;
  uidOf: () => number;
  memory: LowerUserMemory;
};

/** Begins with what `memory` has. */
export function createLowerUsers({ role, users, uidOf, memory }: LowerUserOptions): LowerUsers {
  // Each name and each file, because a file may get another name.
  const held = new Map<string, string>();
  const accepted = new Set<string>();
  let isFirst = true;
  const load = async (): Promise<void> => {
    const before = await memory.load();
    for (const [key, user] of before?.held ?? []) held.set(key, user);
    for (const pair of before?.accepted ?? []) accepted.add(pair);
    isFirst = before === undefined;
  };
  const loading = load();

  /** A user that cannot be found runs nothing, so it is a lower one. */
  const isLower = async (user: string | undefined): Promise<boolean> => {
    if (user === undefined) return false;
    const found = await users.find(user).catch(() => undefined);
    return found === undefined || (found.uid !== 0 && found.uid !== uidOf());
  };
  return {
    async apply(files, isAskedFor) {
      await loading;
      const isAsked = isAskedFor || isFirst;
      isFirst = false;
      if (isAsked) {
        held.clear();
        accepted.clear();
      }
      const applied = new Map<string, CommandFile>();
      for (const [name, file] of files) {
        if (file.kind !== "usable") {
          applied.set(name, file);
          continue;
        }
        const keys = [`name ${name}`, `file ${file.script}`];
        const pair = keys.join(" ");
        const { user } = file.description;
        const lower = keys.map((key) => held.get(key)).find((known) => known !== undefined);
        if (user !== undefined && (await isLower(user))) {
          for (const key of keys) held.set(key, user);
          accepted.delete(pair);
        } else if (isAsked) accepted.add(pair);
        else if (lower !== undefined && !accepted.has(pair)) {
          applied.set(name, refuse(file, lower, role));
          continue;
        }
        applied.set(name, file);
      }
      await memory.save({ held: [...held], accepted: [...accepted] });
      return applied;
    },
  };
}

function refuse({ name, path, pins }: CommandFile, user: string, role: "host" | "guest"): CommandFile {
  const full =
    `Cannot run "${path}": it ran as the user "${user}", and its settings no longer name a lower user\n` +
    `Correct ${path}.toml, or take it as it is: negotiator ${role} reload`;
  const reason = "its settings no longer say who is to run it";
  return { name, path, pins, kind: "unsafe", refusal: { code: "NOT_EXECUTABLE", reason, full } };
}
