/** The parameters and the answer of `execute`, without the code that runs commands. */
import * as v from "valibot";

/** Longest name of a command in characters, as for a file (NAME_MAX). */
const NAME_LENGTH = 255;
/** For all arguments of one call. Linux takes 128 KiB in one of them (MAX_ARG_STRLEN in execve(2)). */
const ARGUMENT_COUNT = 4096;
const ARGUMENT_BYTES = 256 * 1024;

/**
 * The parameters of `execute`. Messages follow a name, as in `Cannot call "execute": command: it is empty`.
 */
export const ExecuteParams = v.object({
  command: v.pipe(
    v.string("it has to be text"),
    v.minLength(1, "it is empty"),
    v.maxLength(NAME_LENGTH, `it is longer than ${NAME_LENGTH} characters`),
  ),
  args: v.optional(
    v.pipe(
      // The number is checked before the items, because a peer can send very many.
      v.array(v.unknown(), "they have to be a list"),
      v.maxLength(ARGUMENT_COUNT, `more than ${ARGUMENT_COUNT} arguments`),
      v.array(
        v.pipe(
          v.string("an argument has to be text"),
          v.check((arg) => !arg.includes("\0"), "an argument cannot hold a NUL"),
          v.check((arg) => arg.isWellFormed(), "an argument cannot hold half of a surrogate pair"),
        ),
      ),
      v.check((args) => bytesOf(args) <= ARGUMENT_BYTES, `more than ${ARGUMENT_BYTES} bytes of arguments`),
    ),
    [],
  ),
});

/**
 * The answer of `execute`. `exitCode` is null if a signal ended the command. Both are null if it still ran
 * when its deadline was answered.
 */
export const ExecuteResultSchema = v.object({
  exitCode: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255))),
  signal: v.nullable(v.pipe(v.string(), v.maxLength(32))),
  /**
   * `command`: the command ended itself. `deadline`: the caller's deadline passed. `limit`: the other side
   * allows no more time. `cancel`: the caller cancelled it, or is gone.
   */
  endedBy: v.picklist(["command", "deadline", "limit", "cancel"]),
  /** From the start until the last byte of output, in whole milliseconds. */
  durationMs: v.number(),
  /** How many bytes of input went to the command. Older sides do not say it. */
  inputBytes: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
});
/** The answer of `execute`, parsed. */
export type ExecuteResult = v.InferOutput<typeof ExecuteResultSchema>;

function bytesOf(args: readonly string[]): number {
  return args.reduce((sum, arg) => sum + Buffer.byteLength(arg) + 1, 0);
}
