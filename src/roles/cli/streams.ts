/** Our own standard streams, as bytes. */

/** Whether there is input for a remote command: a terminal's is not sent. */
export function hasInput(): boolean {
  return !process.stdin.isTTY;
}

/** Ends with the input, or when `signal` aborts: input that nobody wants must not keep the process. */
export async function* readInput(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = Bun.stdin.stream().getReader();
  const stop = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", stop, { once: true });
  for (;;) {
    const { value } = await reader.read();
    if (value === undefined || signal.aborted) return;
    yield value;
  }
}

/** Resolves when the bytes are written, with false when nobody reads them any more. */
export function writeOutput(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<boolean> {
  const target = stream === "stdout" ? process.stdout : process.stderr;
  return new Promise((resolve) => {
    target.write(bytes, (error) => resolve(error === undefined || error === null));
  });
}
