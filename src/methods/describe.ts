/** Reads what the maker of a user command says about it: a comment in it, or a TOML file beside it. */
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";
import { parseStrictToml } from "../strict.ts";
import { inspectSettings } from "./inspect.ts";

/** What NAME.toml may say about the command NAME. */
const DescriptionSchema = v.strictObject({
  /** One line for lists. */
  description: v.optional(v.pipe(v.string(), v.maxLength(200), v.transform(printable))),
  /** The deadline of the command; a caller may ask for less. */
  timeoutSeconds: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0.001), v.maxValue(31_536_000))),
  /** The name of the user to run it as. */
  user: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/, "not a user's name"))),
  /** Whether it reads standard input. */
  stdin: v.optional(v.boolean()),
});

export type CommandDescription = v.InferOutput<typeof DescriptionSchema>;

/**
 * What is said about the command at `path`. NAME.toml comes before a `# negotiator: TEXT` line in the script's first
 * bytes. Throws `BAD_CONFIG` for a NAME.toml that is wrong, too long or not safely ours: it may say whom to run as, so
 * it is never passed over.
 */
export async function readDescription(path: string, uid: number): Promise<CommandDescription> {
  const settings = await readSettings(`${path}.toml`, uid);
  if (settings.description !== undefined) return settings;
  const description = await readComment(path);
  return description === undefined ? settings : { ...settings, description };
}

const MAX_SETTINGS_BYTES = 65_536;
const COMMENT_BYTES = 4096;

async function readSettings(path: string, uid: number): Promise<CommandDescription> {
  try {
    await inspectSettings(path, uid);
    const bytes = await readFile(path);
    if (bytes.byteLength <= MAX_SETTINGS_BYTES)
      return parseStrictToml(DescriptionSchema, bytes.toString(), path);
    throw new NegotiatorError(
      "BAD_CONFIG",
      `Cannot use ${path}: it has more than ${MAX_SETTINGS_BYTES} bytes`,
    );
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return {};
    throw error;
  }
}

async function readComment(path: string): Promise<string | undefined> {
  const head = await Bun.file(path).slice(0, COMMENT_BYTES).text();
  if (!head.startsWith("#!")) return undefined;
  const text = /^[ \t]*#[ \t]*negotiator:[ \t]*(\S.*?)[ \t\r]*$/m.exec(head)?.[1];
  return text === undefined ? undefined : printable(text.slice(0, 200));
}
