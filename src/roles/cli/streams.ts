/** Owns our standard streams, as bytes. */
import { onAbort } from "../../abort.ts";

/** Returns whether there is input to send: a terminal's input is not sent. */
export function hasInput(): boolean {
  return !process.stdin.isTTY;
}

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
export function writeOutput(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<boolean> {
  const target = stream === "stdout" ? process.stdout : process.stderr;
  return new Promise((resolve) => {
    target.write(bytes, (error) => resolve(error === undefined || error === null));
  });
}
