/** Reads the description of a user command: a TOML file beside it, or a comment in the script. */
import * as v from "valibot";
import { NegotiatorError } from "../errors.ts";
import { MemoryMaxBytes, TasksMax } from "../policy/resource-limits.ts";
import { printable } from "../printable.ts";
import { parseStrictToml } from "../strict/strict.ts";
import { showBytes } from "../strict/utf8.ts";
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
 * too long, or could be changed by others. An unusable NAME.toml is never ignored, because it can name the
 * user that the command runs as. `remedy` is the last line of an error about the content.
 */
export function readDescription(
  path: string,
  uid: number,
  eyes: Eyes,
  remedy: string = REMEDY,
): CommandDescription {
  const settings = `${path}.toml`;
  const bytes = inspectSettings(settings, uid, eyes);
  if (bytes === undefined) return {};
  if (bytes <= MAX_SETTINGS_BYTES)
    return parseStrictToml(DescriptionSchema, eyes.contentOf(settings), settings, remedy);
  const problem = `it has more than ${MAX_SETTINGS_BYTES} bytes`;
  throw new NegotiatorError("BAD_CONFIG", `Cannot use ${settings}: ${problem}`, {
    remedy: `Shorten it: ls -l ${shellWord(settings)}`,
  });
}

/**
 * Resolves with the text of a `# negotiator: TEXT` line in the first bytes of the script at `path`, or with
 * undefined. It describes a command whose NAME.toml has no description.
 */
export async function readComment(path: string): Promise<string | undefined> {
  const head = showBytes(await Bun.file(path).slice(0, COMMENT_BYTES).bytes());
  if (!head.startsWith("#!")) return undefined;
  const text = /^[ \t]*#[ \t]*negotiator:[ \t]*(\S.*?)[ \t\r]*$/m.exec(head)?.[1];
  return text === undefined ? undefined : printable(text.slice(0, 200));
}

/** The file is read at every call. */
const REMEDY = "Correct the file, and call the command again";
const MAX_SETTINGS_BYTES = 65_536;
const COMMENT_BYTES = 4096;
