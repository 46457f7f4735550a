/** How this program starts itself as a child, for work that must not hold up a daemon. */
import { join } from "node:path";

/**
 * The first word of a command line that answers a question of its parent (`system-question.ts`). It is not a
 * role or an option, so no user meets it.
 */
export const ANSWER_WORD = "answer-question";

/** The file of this process, which is loaded already, so that its start cannot hang. */
export const OWN_FILE = "/proc/self/exe";

/**
 * Returns the words that start this program with `words`. `OWN_FILE` is the file that runs now, also
 * after an upgrade has replaced the file at its path.
 */
export function ownCommandLine(words: readonly string[]): [string, ...string[]] {
  const source = import.meta.dir.startsWith(COMPILED) ? [] : [join(import.meta.dir, "../main.ts")];
  return [OWN_FILE, ...source, ...words];
}

/** The place of all files of a compiled binary. */
const COMPILED = "/$bunfs/";

/** The environment of such a child: nothing of ours changes what it is. */
export const OWN_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
};
