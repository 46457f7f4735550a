/** Which names of files are offered as commands. */
import { printable } from "../printable.ts";
import { parseGlob } from "../policy/glob.ts";

/** Settings are files of this ending, beside the command. */
export const SETTINGS_ENDING = ".toml";

/**
 * Returns whether a file of that name is offered: letters, digits, blanks, `_ - + @ :`, and one ending of a
 * script language. A name that fits one of the patterns `more` is offered too, unless it starts with a dot or
 * has control characters. A name in which a policy's rule, a person or a script could see another one is not
 * worth its risk, and neither is a backup such as `NAME~`.
 */
export function isCommandName(name: string, more: readonly string[] = []): boolean {
  if (name === "" || Buffer.byteLength(name) > MAX_NAME_BYTES) return false;
  if (/^\.|\//.test(name) || name.endsWith(SETTINGS_ENDING) || printable(name) !== name) return false;
  return NAME.test(name) || more.some((pattern) => parseGlob(pattern).matches(name));
}

/** The longest file name on Linux (NAME_MAX). */
const MAX_NAME_BYTES = 255;

const ENDINGS = (
  "sh bash dash ksh mksh zsh fish csh tcsh nu " +
  "py pl rb lua tcl awk sed php r R raku scm exs ps1 " +
  "js mjs cjs ts mts cts"
).split(" ");

/** Marks belong to letters: an accent can be a separate character. */
const NAME = new RegExp(`^[\\p{L}\\p{M}\\p{Nd} _+@:-]+(?:\\.(?:${ENDINGS.join("|")}))?$`, "u");
