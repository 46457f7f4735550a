/** Owns our standard streams, as bytes. */
import { fstatSync } from "node:fs";
import { onAbort } from "../../abort.ts";
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

/**
 * Yields our input; ends with it, or when `signal` aborts, so that unwanted input does not keep the process.
 */
export async function* readInput(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = Bun.stdin.stream().getReader();
  using _ = onAbort(signal, () => reader.cancel().catch(() => undefined));
  for (;;) {
    const { value } = await reader.read();
    if (value === undefined || signal.aborted) return;
    yield value;
  }
}

/** Resolves when the bytes are written: to false when the reader has closed the stream. */
export function writeOutput(stream: OutputName, bytes: Uint8Array): Promise<boolean> {
  return standardOutput.write(stream, bytes);
}
