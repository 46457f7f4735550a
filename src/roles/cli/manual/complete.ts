/** Answers the completion of a shell: what could stand at the end of a command line. */
import { printable } from "../../../printable.ts";
import { shorten } from "../../../shorten.ts";
import { print } from "../output.ts";
import type { Outcome, RoleDefinition } from "../subcommand.ts";
import { findCandidates } from "./candidates.ts";
import type { AskNames, Candidate } from "./candidates.ts";
import { SHELLS } from "./completion-script.ts";
import { listPages } from "./pages.ts";
import type { Roles } from "./program.ts";

/** A person waits for it at each press of the Tab key. The program has started in the first part of it. */
const MOST_MS = 100;
/** A daemon gets so long on a machine where the program starts slowly. */
const LEAST_MS = 40;
const MOST_CANDIDATES = 1000;
const MOST_TEXT = 80;

/**
 * Prints the candidates for the last of `words`: a first line `:words`, `:files` or `:directories`, and then
 * a line for each, with a tab and a text. Names come from the daemon if it answers in time. A name is left
 * out if it has control characters, or would be taken for an option.
 */
export async function completeLine(
  words: readonly string[],
  roles: Roles,
  role: RoleDefinition | undefined,
): Promise<Outcome> {
  const { candidates, more = "words" } = await findCandidates(words, roles, ask, role);
  const lines = candidates.slice(0, MOST_CANDIDATES).map(({ word, text = "" }) => {
    const shown = shorten(printable(text), MOST_TEXT);
    return shown === "" ? word : `${word}\t${shown}`;
  });
  // A daemon that does not answer must not hold up the end.
  return { ...(await print([`:${more}`, ...lines].join("\n"))), isStuck: true };
}

const ask: AskNames = async (kind, line) => {
  if (kind === "shell") return SHELLS.map((word) => ({ word }));
  if (kind === "page") return listPages().map(({ name, title }) => ({ word: name, text: title }));
  const { askDaemonForNames, userNames } = await import("./ask-names.ts");
  if (kind === "user") return userNames();
  const leftMs = Math.max(LEAST_MS, Math.floor(MOST_MS - performance.now()));
  const { promise: late, resolve } = Promise.withResolvers<readonly Candidate[]>();
  const timer = setTimeout(() => resolve([]), leftMs);
  try {
    const names = await Promise.race([askDaemonForNames(kind, line, leftMs), late]);
    return names.filter(({ word }) => word !== "" && !word.startsWith("-") && printable(word) === word);
  } catch {
    // Messages would stand in the middle of the line that a person types.
    return [];
  } finally {
    clearTimeout(timer);
  }
};
