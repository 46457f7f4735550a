/** The list of a daemon's detached calls in a file, for the daemon that is started after it. */
import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { untilDiskThaws } from "../../frozen-disk.ts";
import { ExecuteResultSchema } from "../../methods/execute-schemas.ts";
import type { FrozenKept } from "../../methods/kept/kept-command.ts";
import type { FrozenKeptCommands } from "../../methods/kept/kept-commands.ts";
import type { FrozenKeptOutput } from "../../methods/kept/kept-output.ts";
import { STATE_FILES } from "../../process/file-turns.ts";
import { readTrustedFile } from "../../trust/trusted-file.ts";

/** The name of the file in the directory of the output. */
export const KEPT_FILE = "kept.json";

/** The calls that a daemon has left. `savedMs` is the time of the clock, in milliseconds. */
export type LeftKept = { savedMs: number; isOfThisBoot: boolean; kept: FrozenKeptCommands };

/** A thousand calls whose callers have the longest names, in escapes, take less than a quarter of it. */
const MOST_BYTES = 16 * 1024 * 1024;
const OWNER_ONLY = 0o600;
const NO_BYTES = new Uint8Array(0);

/**
 * Writes the file. A daemon that is killed meanwhile leaves the old file or the new one. Rejects with the
 * system's error, and with `TIMEOUT` for a file system that does not answer.
 */
export async function writeKeptFile(
  directory: string,
  { fileCount, commands }: FrozenKeptCommands,
): Promise<void> {
  const path = join(directory, KEPT_FILE);
  const [bootId, savedMs] = [readBootId(), Date.now()];
  const file: SavedFile = { version: 1, bootId, savedMs, fileCount, commands: commands.map(save) };
  await untilDiskThaws();
  await STATE_FILES.run(async () => {
    await writeFile(`${path}.new`, `${JSON.stringify(file)}\n`, { mode: OWNER_ONLY });
    await rename(`${path}.new`, path);
  });
}

/**
 * Returns the calls of the file with their ages as of now; undefined if there is no file. A call that still
 * ran then has lost its outcome. Throws `BAD_CONFIG` for a file that others could have written, or that is
 * not one of this release.
 */
export function readKeptFile(directory: string): LeftKept | undefined {
  const text = readTrustedFile(join(directory, KEPT_FILE), MOST_BYTES);
  if (text === undefined) return undefined;
  const parsed = v.safeParse(SavedSchema, text);
  if (!parsed.success) {
    throw new NegotiatorError("BAD_CONFIG", `"${join(directory, KEPT_FILE)}" is not a file of this release`);
  }
  const { savedMs, bootId, fileCount, commands } = parsed.output;
  const passedMs = Math.max(0, Date.now() - savedMs);
  const kept = { fileCount, commands: commands.map((command) => load(command, passedMs)) };
  return { savedMs, isOfThisBoot: bootId === readBootId(), kept };
}

/** Source: random(4). Another one after each boot. */
function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Ms = v.pipe(v.number(), v.minValue(0));
const Text = v.pipe(v.string(), v.maxLength(1024));

const OutputSchema = v.pipe(
  v.strictObject({ hasFile: v.boolean(), start: Count, end: Count, isTruncated: v.boolean() }),
  v.check(({ start, end }) => start <= end),
);
const PeerSchema = v.variant("via", [
  v.strictObject({ via: v.literal("guest"), name: Text, uuid: v.exactOptional(Text) }),
  v.strictObject({ via: v.literal("host") }),
]);
const UserSchema = v.strictObject({
  uid: v.exactOptional(Count),
  name: v.exactOptional(Text),
  pid: v.exactOptional(Count),
  program: v.exactOptional(Text),
});
const CommandSchema = v.strictObject({
  peer: PeerSchema,
  user: v.exactOptional(UserSchema),
  id: Text,
  command: Text,
  number: Count,
  mostBytes: v.pipe(Count, v.minValue(1)),
  keepMs: Ms,
  startedMs: Ms,
  finishedMs: v.exactOptional(Ms),
  result: v.exactOptional(ExecuteResultSchema),
  stdout: OutputSchema,
  stderr: OutputSchema,
});
const FileSchema = v.strictObject({
  version: v.literal(1),
  bootId: Text,
  savedMs: Ms,
  fileCount: Count,
  commands: v.array(CommandSchema),
});
const SavedSchema = v.pipe(v.string(), v.parseJson(), FileSchema);

type SavedFile = v.InferOutput<typeof FileSchema>;
type SavedCommand = v.InferOutput<typeof CommandSchema>;

function save({ peer, user, result, finishedMs, ...command }: FrozenKept): SavedCommand {
  const { id, command: name, number, mostBytes = 1, keepMs, startedMs, stdout, stderr } = command;
  return {
    // Only peers have detached commands.
    peer: peer.via === "guest" ? peer : { via: "host" },
    ...(user !== undefined && { user }),
    id,
    command: name,
    number,
    mostBytes,
    keepMs,
    startedMs,
    ...(finishedMs !== undefined && { finishedMs }),
    ...(result !== undefined && { result }),
    stdout: saveOutput(stdout),
    stderr: saveOutput(stderr),
  };
}

/** Bytes in memory are not in the file: a daemon that stops puts them into other files first. */
function saveOutput({ hasFile, start, end, isTruncated }: FrozenKeptOutput): SavedCommand["stdout"] {
  return { hasFile, start, end, isTruncated };
}

function load(
  { startedMs, finishedMs = 0, result, stdout, stderr, ...rest }: SavedCommand,
  passedMs: number,
) {
  const isLost = result === undefined;
  return {
    ...rest,
    startedMs: startedMs + passedMs,
    finishedMs: finishedMs + passedMs,
    ...(isLost ? { isLost } : { result }),
    stdout: loadOutput(stdout, isLost),
    stderr: loadOutput(stderr, isLost),
  } satisfies FrozenKept;
}

function loadOutput(
  { hasFile, start, end, isTruncated }: SavedCommand["stdout"],
  isLost: boolean,
): FrozenKeptOutput {
  return { hasFile, start, end, pending: NO_BYTES, isEnded: true, isTruncated: isTruncated || isLost };
}
