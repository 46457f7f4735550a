/** Reads the description of a user command: a TOML file beside it, or a comment in the script. */
import * as v from "valibot";
import { NegotiatorError } from "../errors.ts";
import { MemoryMaxBytes, TasksMax } from "../policy/resource-limits.ts";
import { printable } from "../printable.ts";
import { parseStrictToml } from "../strict/strict.ts";
import { showBytes } from "../strict/utf8.ts";
import { decodeFile } from "../trust/file-text.ts";
import type { Eyes } from "../trust/look.ts";
import { inspectSettings } from "./inspect.ts";
import { shellWord } from "../shell-word.ts";

/** The keys of NAME.toml, the description of the command NAME. */
const DescriptionSchema = v.strictObject({
  /** One line of text for lists. */
  description: v.optional(v.pipe(v.string(), v.maxLength(200), v.transform(printable))),
  /** The deadline of the command; a caller may set a shorter one. */
  timeoutSeconds: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0.001), v.maxValue(31_536_000))),
  /** The name of the user to run it as. */
  user: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/, `not a user's name; write one such as "backup"`),
    ),
  ),
  /** Whether it reads standard input. */
  stdin: v.optional(v.boolean()),
  /** The most memory of it and all its processes together. */
  memoryMaxBytes: v.optional(MemoryMaxBytes),
  /** The most processes and threads at once. */
  tasksMax: v.optional(TasksMax),
});

/** The content of NAME.toml. */
export type CommandDescription = v.InferOutput<typeof DescriptionSchema>;

/**
 * Returns the content of NAME.toml for the command at `path`. Throws `BAD_CONFIG` if NAME.toml is invalid,
 * empty, too long, or could be changed by others. An unusable NAME.toml is never ignored, because it can name
 * the user that the command runs as. `at` is `path` behind the links of its directory.
 */
export function readDescription(
  path: string,
  uid: number,
  eyes: Eyes,
  at: string = path,
): CommandDescription {
  const settings = `${path}.toml`;
  const found = inspectSettings(settings, `${at}.toml`, uid, eyes);
  if (found === undefined) return {};
  if (found.bytes > MAX_SETTINGS_BYTES) {
    const problem = `it has more than ${MAX_SETTINGS_BYTES} bytes`;
    throw unusable(settings, problem, `Shorten it: ls -l ${shellWord(settings)}`);
  }
  const text = decodeFile(eyes.contentOf(found.place, MAX_SETTINGS_BYTES), settings);
  const description = parseStrictToml(DescriptionSchema, text, settings, DESCRIPTION_REMEDY);
  // A file is empty while it is written, and then nothing in it names the user.
  if (Object.keys(description).length > 0) return description;
  throw unusable(settings, "it sets nothing", `Write it, or remove it: rm ${shellWord(settings)}`);
}

/**
 * Returns the text of a `# negotiator: TEXT` line in the first bytes of a script, or undefined. It describes
 * a command whose NAME.toml has no description.
 */
export function commentIn(head: Uint8Array): string | undefined {
  const text = showBytes(head);
  if (!text.startsWith("#!")) return undefined;
  const found = /^[ \t]*#[ \t]*negotiator:[ \t]*(\S.*?)[ \t\r]*$/m.exec(text)?.[1];
  return found === undefined ? undefined : printable(found.slice(0, 200));
}

/** The last line of an error about the content of NAME.toml. */
export const DESCRIPTION_REMEDY = "Correct the file, and call the command again";
/** The bytes of a script in which a comment can describe it. */
export const COMMENT_BYTES = 4096;

const MAX_SETTINGS_BYTES = 65_536;

function unusable(settings: string, problem: string, remedy: string): NegotiatorError {
  return new NegotiatorError("BAD_CONFIG", `Cannot use ${settings}: ${problem}`, { remedy });
}
