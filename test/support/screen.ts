/** Runs the program on a pseudoterminal, and keeps its screen as a terminal emulator would show it. */
import { Terminal } from "@xterm/headless";
import { PROGRAM } from "./program.ts";
import type { Program } from "./program.ts";
import { until } from "./until.ts";

/** A run of the program on a terminal. Disposal kills it. */
export type Screen = AsyncDisposable & {
  /** All bytes that were written to the terminal, one character for each. */
  bytes(): string;
  /** The lines of the screen with those above it, without blanks at their ends and empty lines at the end. */
  text(): Promise<string>;
  /** Waits until the screen has this text, and returns the screen. */
  shows(part: string | RegExp): Promise<string>;
  kill(signal: NodeJS.Signals): void;
  /** Types on the keyboard. Control-C and its like are signals, as in a shell. */
  type(keys: string): void;
  resize(columns: number, rows: number): void;
  /** Waits for the end of the program, and for its last output. Returns its exit code. */
  ended(): Promise<number>;
  /** The signal that ended the program; null if none did. */
  signal(): NodeJS.Signals | number | null;
};

/** The size of the terminal, 80 x 24 by default, and the program with its environment. */
export type ScreenOptions = {
  columns?: number;
  rows?: number;
  env?: Record<string, string>;
  program?: Program;
};

/** Starts the program with all three standard streams on a new terminal. */
export function launchOnScreen(
  words: readonly string[],
  { columns = 80, rows = 24, env = {}, program = PROGRAM }: ScreenOptions = {},
): Screen {
  const emulator = new Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 10_000 });
  let received = "";
  let written = Promise.resolve();
  const terminal = new Bun.Terminal({
    cols: columns,
    rows,
    data(_, bytes) {
      received += Buffer.from(bytes).toString("latin1");
      const copy = Uint8Array.from(bytes);
      written = new Promise((resolve) => emulator.write(copy, resolve));
    },
  });
  // Only the terminal of a session sends signals to its programs.
  const child = Bun.spawn(["setsid", "--ctty", "--wait", ...program, ...words], {
    cwd: "/",
    env: { PATH: "/usr/bin:/bin", TERM: "xterm-256color", LANG: "C.UTF-8", ...env },
    terminal,
  });
  const text = async (): Promise<string> => {
    await written;
    const { active } = emulator.buffer;
    const lines = Array.from({ length: active.length }, (_, row) =>
      active.getLine(row)?.translateToString(true, 0, emulator.cols),
    );
    return lines.join("\n").trimEnd();
  };
  return {
    bytes: () => received,
    text,
    async shows(part) {
      let seen = "";
      return until(
        () => `the screen shows ${String(part)}; it shows:\n${seen}`,
        async () => {
          seen = await text();
          return (typeof part === "string" ? seen.includes(part) : part.test(seen)) && seen;
        },
      );
    },
    kill: (signal) => child.kill(signal),
    type: (keys) => void terminal.write(keys),
    resize(toColumns, toRows) {
      emulator.resize(toColumns, toRows);
      terminal.resize(toColumns, toRows);
    },
    async ended() {
      const exitCode = await child.exited;
      let before = -1;
      await until("the terminal has passed all output on", () => {
        const isQuiet = received.length === before;
        before = received.length;
        return isQuiet;
      });
      await written;
      return exitCode;
    },
    signal: () => child.signalCode,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      terminal.close();
      emulator.dispose();
    },
  };
}
