/** Reads which guest a trusted QEMU process claims to run, and at which sockets it listens. */
import { readlink } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { decodeUtf8 } from "../../strict/utf8.ts";
import type { ProcessFacts } from "../../trust/host-process.ts";
import type { CommandLines } from "./command-line.ts";
import { parseQemuCommandLine } from "./qemu-options.ts";
import type { UnfitPort } from "./qemu-options.ts";

/** A socket of a claim. `path` is absolute, or undefined if it is not UTF-8. */
export type ClaimedSocket = { port: string; path: string | undefined };

/** The words of a process's command line about its guest. */
export type GuestClaim = {
  facts: ProcessFacts;
  /** The guest's name; without one its UUID, and without both a name made of the process id. */
  name: string;
  /** False if the name is not UTF-8, so that U+FFFD in it can stand for any bytes. */
  isNameExact: boolean;
  uuid?: string;
  /** Those of known ports. */
  sockets: ClaimedSocket[];
  /** Known ports that cannot be used. */
  unfit: UnfitPort[];
  /** The whole command line. */
  line: string;
};

/** How to read claims. `ports` are the names of known ports. */
export type ClaimReading = {
  ports: ReadonlySet<string>;
  procDirectory: string;
  lines: CommandLines;
  signal: AbortSignal;
};

/**
 * Resolves with the claim of a process, or undefined if the process has ended or claims no known port.
 * Rejects with `TIMEOUT` if its command line cannot be read.
 */
export async function readClaim(facts: ProcessFacts, reading: ClaimReading): Promise<GuestClaim | undefined> {
  const { ports, procDirectory, lines, signal } = reading;
  const bytes = await lines.read(facts, signal);
  if (bytes === undefined) return undefined;
  const isExact = decodeUtf8(bytes) !== undefined;
  const line = Buffer.from(bytes).toString();
  const { uuid, sockets, unfit, ...guest } = parseQemuCommandLine(line.split("\0").slice(1, -1), ports);
  if (sockets.length === 0 && unfit.length === 0) return undefined;
  const { name = uuid ?? `qemu-${facts.pid}` } = guest;
  const isReplaced = (text: string): boolean => !isExact && text.includes("\ufffd");
  const directory = decodeUtf8(await readlink(join(procDirectory, String(facts.pid), "cwd"), "buffer"));
  return {
    facts,
    name,
    isNameExact: !isReplaced(name),
    ...(uuid === undefined ? {} : { uuid }),
    sockets: sockets.map(({ port, path }) => {
      const isUnknown = isReplaced(path) || (directory === undefined && !isAbsolute(path));
      return { port, path: isUnknown ? undefined : resolve(directory ?? "/", path) };
    }),
    unfit,
    line,
  };
}
