/** A pseudoterminal in raw mode: the test holds one end, a path leads to the other. */
import { createCondition } from "../../src/channels/condition.ts";

export type Pty = AsyncDisposable & {
  /** The other end's device. */
  readonly path: string;
  write(bytes: Uint8Array): void;
  /** What was written at the other end, once that is `length` bytes. */
  receive(length: number): Promise<Buffer>;
  /** Hangs up. */
  close(): Promise<void>;
};

/** A child keeps the other end open, so that it can be opened and closed any number of times. */
export async function openPty(): Promise<Pty> {
  let received = Buffer.alloc(0);
  const bell = createCondition();
  const terminal = new Bun.Terminal({
    data(_terminal, bytes) {
      received = Buffer.concat([received, bytes]);
      bell.notify();
    },
  });
  const child = Bun.spawn(["sh", "-c", "tty; exec sleep 600"], { terminal });
  while (!received.includes("\n")) await bell.wait();
  const path = received.toString().trim();
  received = Buffer.alloc(0);
  terminal.setRawMode(true);
  // As in node, raw mode alone would still turn LF into CR LF.
  terminal.outputFlags = 0;
  const close = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
    terminal.close();
  };
  return {
    path,
    write: (bytes) => void terminal.write(bytes),
    async receive(length) {
      while (received.length < length) await bell.wait();
      const taken = Buffer.from(received.subarray(0, length));
      received = received.subarray(length);
      return taken;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
