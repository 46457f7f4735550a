/** Owns a pseudoterminal in raw mode: the test has one end, and a device path is the other. */
import { createCondition } from "../../src/channels/condition.ts";

/** Disposal closes the terminal. */
export type Pty = AsyncDisposable & {
  /** The device path of the other end. */
  readonly path: string;
  /** Sends bytes to the other end. */
  write(bytes: Uint8Array): void;
  /** Waits for `length` bytes from the other end and returns them. */
  receive(length: number): Promise<Buffer>;
  /** Hangs up. */
  close(): Promise<void>;
};

/** Opens a terminal. A child keeps the other end open, so that a test can open and close it many times. */
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
  // Raw mode alone would still turn LF into CR LF, as in Node.
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
