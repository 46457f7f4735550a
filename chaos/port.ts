/** Starts the program that is the port between two daemons, and disturbs it. */
import { join } from "node:path";
import { collectLines } from "./lines.ts";

/** The source of the port's program. */
export const PORT_PROGRAM = join(import.meta.dir, "programs/port.ts");

/** The kinds of disturbances; `programs/port.ts` explains them. */
export type PortEvent = "cut" | "flap" | "tear" | "hold" | "gone";

/** A port. Disposal ends its process. */
export type DisturbedPort = AsyncDisposable & {
  readonly hostPath: string;
  readonly guestPath: string;
  /** Disturbs the port for so many milliseconds. Resolves when it works again. */
  disturb: (event: PortEvent, ms: number) => Promise<void>;
};

/**
 * Starts a port whose sockets are in `directory`. Resolves when it listens. `program` is its command line
 * without its words.
 */
export async function startPort(
  directory: string,
  seed: number,
  program: readonly string[] = [process.execPath, PORT_PROGRAM],
): Promise<DisturbedPort> {
  const [hostPath, guestPath] = [`${directory}/port.host`, `${directory}/port.guest`];
  const child = Bun.spawn([...program, hostPath, guestPath, String(seed)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = collectLines(child.stdout);
  const over = async (): Promise<void> => {
    const { done } = await lines.next();
    if (done === true) throw new Error("The port's process has ended");
  };
  await over();
  return {
    hostPath,
    guestPath,
    async disturb(event, ms) {
      await child.stdin.write(`${event} ${ms}\n`);
      await child.stdin.flush();
      await over();
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
