/** Looks at paths for judgements about files, and remembers every path that a judgement depends on. */
import { lstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { lstat, readFile, readlink, stat } from "node:fs/promises";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";
import { decodeUtf8, showBytes } from "../strict/utf8.ts";
import { decodeFile } from "./file-text.ts";

/** The looks of a judgement. They throw the errors of the system calls, and `Unseen`. */
export type Eyes = {
  /** Returns the status of a path itself, also if it is a link, or undefined if nothing is there. */
  statusOf: (path: string) => Stats | undefined;
  /** Returns the status of the target of a link, or undefined if the link leads nowhere. */
  targetStatusOf: (path: string) => Stats | undefined;
  /** Returns the text of a link, whose status was looked at before. */
  linkTextOf: (path: string) => string;
  /** Returns the text of a file that was looked at before. Throws `BAD_CONFIG` if it is not UTF-8. */
  contentOf: (path: string) => string;
};

/** A judgement about files. It has no effect besides its looks, because it may run several times. */
export type Judgement<Verdict> = (eyes: Eyes) => Verdict;

/** A path that was looked at. `status` is undefined if there was nothing. */
export type Sighting = Sight & { status: Stats | undefined };

/** A path, and whether its links are followed. */
export type Sight = { path: string; followsLinks: boolean };

/** Everything that a judgement looked at. A judgement looks at each path once. */
export type Seen = Map<string, Sighting>;

/** A judgement needs a look that is not possible at once. A judgement that catches errors throws it again. */
export class Unseen extends Error {
  /** Makes the look possible. Never rejects. */
  readonly look: () => Promise<void>;

  constructor(look: () => Promise<void>) {
    super("A judgement needs another look");
    this.look = look;
  }
}

/**
 * Returns eyes that look at once, so the whole process waits for a file system that does not answer. `look`
 * looks at a path that is not in `seen` yet.
 */
export function createEyes(seen: Seen, look: (key: string, sight: Sight) => Stats | undefined): Eyes {
  const see = (key: string, sight: Sight): Stats | undefined => {
    const sighting = seen.get(key) ?? { ...sight, status: look(key, sight) };
    seen.set(key, sighting);
    return sighting.status;
  };
  return {
    statusOf: (path) => see(path, { path, followsLinks: false }),
    targetStatusOf: (path) => see(targetKey(path), { path, followsLinks: true }),
    linkTextOf: (path) => toLinkText(path, readlinkSync(path, "buffer")),
    contentOf: (path) => decodeFile(readFileSync(path), path),
  };
}

/** Returns the verdict. Waits for the file system, as `createEyes` says. */
export function judgeNow<Verdict>(judgement: Judgement<Verdict>): Verdict {
  return judgement(createEyes(new Map(), (_, sight) => sightNow(sight)));
}

/**
 * Resolves with the verdict. Only this judgement waits for a file system that does not answer. Adds all that
 * it looks at to `seen`. Each look starts the judgement again, with what it has seen so far.
 */
export async function judgeLater<Verdict>(judgement: Judgement<Verdict>, seen: Seen): Promise<Verdict> {
  const eyes = createMemory(seen);
  for (;;) {
    try {
      return judgement(eyes);
    } catch (thrown) {
      if (!(thrown instanceof Unseen)) throw thrown;
      await thrown.look();
    }
  }
}

/** Looks at a path. Waits for the file system. Throws the errors of `lstat` and `stat`. */
export function sightNow({ path, followsLinks }: Sight): Stats | undefined {
  try {
    // An exception for the usual reason would cost more than the look.
    return (followsLinks ? statSync : lstatSync)(path, { throwIfNoEntry: false });
  } catch (thrown) {
    return nothingOr(thrown);
  }
}

/** Eyes that know what was looked at, and throw `Unseen` for all else. */
function createMemory(seen: Seen): Eyes {
  const texts = new Map<string, string>();
  const failures = new Map<string, unknown>();
  const need = (key: string, look: () => Promise<void>): never => {
    if (failures.has(key)) throw failures.get(key);
    throw new Unseen(() => look().catch((failure: unknown) => void failures.set(key, failure)));
  };
  const see = (key: string, sight: Sight): Stats | undefined => {
    const sighting = seen.get(key);
    if (sighting !== undefined) return sighting.status;
    return need(key, async () => {
      const status = await sightLater(sight);
      // Judgements that share `seen` may look at the same time. The oldest sighting stays, because a later
      // one could hide a change.
      if (!seen.has(key)) seen.set(key, { ...sight, status });
    });
  };
  const read = (key: string, reader: () => Promise<string>): string =>
    texts.get(key) ?? need(key, async () => void texts.set(key, await reader()));
  return {
    statusOf: (path) => see(path, { path, followsLinks: false }),
    targetStatusOf: (path) => see(targetKey(path), { path, followsLinks: true }),
    linkTextOf: (path) => read(`link\0${path}`, async () => toLinkText(path, await readlink(path, "buffer"))),
    contentOf: (path) => read(`content\0${path}`, async () => decodeFile(await readFile(path), path)),
  };
}

/** Another text would be another path, and the check of another path proves nothing. */
function toLinkText(path: string, bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  if (text !== undefined) return text;
  const target = `"${printable(showBytes(bytes))}", which is not UTF-8`;
  throw new NegotiatorError(
    "BAD_CONFIG",
    `Cannot follow the link "${printable(path)}": it leads to ${target}`,
    {
      remedy: "Rename its target",
    },
  );
}

/** No path contains NUL, so the key of a target cannot equal a path. */
function targetKey(path: string): string {
  return `${path}\0`;
}

async function sightLater({ path, followsLinks }: Sight): Promise<Stats | undefined> {
  try {
    return await (followsLinks ? stat : lstat)(path);
  } catch (thrown) {
    return nothingOr(thrown);
  }
}

function nothingOr(thrown: unknown): undefined {
  if (!["ENOENT", "ENOTDIR", "ELOOP"].includes(errnoOf(thrown) ?? "")) throw thrown;
  return undefined;
}
