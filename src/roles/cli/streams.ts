/** Our standard streams: whether there is input to send, and writes of output. */
import { fstatSync } from "node:fs";
import type { Stats } from "node:fs";
import { standardOutput } from "../../standard-output.ts";
import type { OutputName } from "../../standard-output.ts";
import type { TerminalFilter } from "./terminal-filter.ts";

/** Returns whether there is input to send: a terminal's input is not sent, and `/dev/null` has none. */
export function hasInput(): boolean {
  const facts = fstatSync(STDIN);
  // Without input, a call has a stream less in each of its three processes.
  if (facts.isCharacterDevice() && facts.rdev === NULL_DEVICE) return false;
  // `process.stdin` loads node's streams, so it is asked only about devices that can be a terminal.
  return !canBeTerminal(facts) || !process.stdin.isTTY;
}

function canBeTerminal(facts: Stats): boolean {
  return facts.isCharacterDevice() && facts.rdev >>> 8 !== MEMORY_DEVICES;
}

const STDIN = 0;
const DESCRIPTORS = { stdout: 1, stderr: 2 } as const satisfies Record<OutputName, number>;
/** The major number of `/dev/zero` and its like, and `/dev/null` (Documentation/admin-guide/devices.txt). */
const MEMORY_DEVICES = 1;
const NULL_DEVICE = (MEMORY_DEVICES << 8) | 3;

/** Resolves to whether a stream of ours is a terminal. */
export async function isTerminal(stream: OutputName): Promise<boolean> {
  try {
    const fd = DESCRIPTORS[stream];
    // `node:tty` loads node's streams, so it is asked only about devices that can be a terminal.
    return canBeTerminal(fstatSync(fd)) && (await import("node:tty")).isatty(fd);
  } catch {
    // The descriptor is closed.
    return false;
  }
}

/** The size of a terminal, in characters. */
export type TerminalSize = { columns: number; rows: number };

/** Resolves to the present size of a stream that is a terminal; undefined for any other stream. */
export async function terminalSize(stream: OutputName): Promise<TerminalSize | undefined> {
  if (!(await isTerminal(stream))) return undefined;
  const { WriteStream } = await import("node:tty");
  // The runtime asks for the size when it makes the stream, and not again.
  const [columns, rows] = new WriteStream(DESCRIPTORS[stream]).getWindowSize();
  // A terminal without a size, such as a serial line, says 0.
  return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
}

/** The output of a command on its way to one of our streams. */
export type CommandOutput = {
  /** Resolves as `writeOutput` does. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** The command writes no more. */
  end(): Promise<boolean>;
};

/** Options of an output. `write` takes the place of the usual write to the stream. */
export type OutputForm = {
  isRaw?: boolean | undefined;
  write?: ((stream: OutputName, bytes: Uint8Array) => Promise<boolean>) | undefined;
};

/** Opens the stream. A terminal gets no control sequences that could harm it, unless `isRaw`. */
export async function openOutput(
  stream: OutputName,
  { isRaw = false, write: writeTo = writeOutput }: OutputForm = {},
): Promise<CommandOutput> {
  const filter = isRaw || !(await isTerminal(stream)) ? UNFILTERED : await loadFilter();
  const write = async (bytes: Uint8Array): Promise<boolean> => bytes.length === 0 || writeTo(stream, bytes);
  return { write: (bytes) => write(filter.push(bytes)), end: () => write(filter.end()) };
}

const UNFILTERED: TerminalFilter = { push: (bytes) => bytes, end: () => new Uint8Array() };

async function loadFilter(): Promise<TerminalFilter> {
  return (await import("./terminal-filter.ts")).createTerminalFilter();
}

/** Resolves when the bytes are written: to false when the reader has closed the stream. */
function writeOutput(stream: OutputName, bytes: Uint8Array): Promise<boolean> {
  return standardOutput.write(stream, bytes);
}

/** Returns whether a stream refused bytes though it has a reader: its disk is full, for example. */
export function isOutputLost(stream: OutputName): boolean {
  return standardOutput.lost(stream) !== undefined;
}
