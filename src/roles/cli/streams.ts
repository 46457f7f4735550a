/** Our standard streams: whether there is input to send, and writes of output. */
import { fstatSync } from "node:fs";
import { standardOutput } from "../../standard-output.ts";
import type { OutputName } from "../../standard-output.ts";

/** Returns whether there is input to send: a terminal's input is not sent, and `/dev/null` has none. */
export function hasInput(): boolean {
  const facts = fstatSync(STDIN);
  // Without input, a call has a stream less in each of its three processes.
  if (facts.isCharacterDevice() && facts.rdev === NULL_DEVICE) return false;
  // `process.stdin` loads node's streams, so it is asked only about devices that can be a terminal.
  const canBeTerminal = facts.isCharacterDevice() && facts.rdev >>> 8 !== MEMORY_DEVICES;
  return !canBeTerminal || !process.stdin.isTTY;
}

const STDIN = 0;
/** The major number of `/dev/zero` and its like, and `/dev/null` (Documentation/admin-guide/devices.txt). */
const MEMORY_DEVICES = 1;
const NULL_DEVICE = (MEMORY_DEVICES << 8) | 3;

/** Resolves when the bytes are written: to false when the reader has closed the stream. */
export function writeOutput(stream: OutputName, bytes: Uint8Array): Promise<boolean> {
  return standardOutput.write(stream, bytes);
}

/** Returns whether a stream refused bytes though it has a reader: its disk is full, for example. */
export function isOutputLost(stream: OutputName): boolean {
  return standardOutput.lost(stream) !== undefined;
}
