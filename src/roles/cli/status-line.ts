/**
 * A line on the terminal of stderr that says what goes on now. It is erased before anything else is written
 * to a terminal, and at the end.
 */
import { standardOutput } from "../../standard-output.ts";
import type { OutputName } from "../../standard-output.ts";
import { isTerminal, terminalSize } from "./streams.ts";
import { clipToWidth } from "./table.ts";

/** The line. Disposing erases it for good. */
export type StatusLine = AsyncDisposable & {
  /** Shows this text in place of the text before; undefined shows nothing. It must be harmless. */
  show(text: string | undefined): void;
  /** Writes to one of our streams as `standardOutput.write` does. The line does not get mixed with it. */
  write(stream: OutputName, bytes: string | Uint8Array): Promise<boolean>;
};

/** To the start of the line, and erase it. */
const ERASE = "\r\u001b[K";
const LINE_END = 10;
/** The terminal writes `^C` behind the line when the user types that. It must not begin another line. */
const ECHO_COLUMNS = 3;

/** Creates a line that shows nothing. Without a terminal at stderr it never does. */
export async function createStatusLine(): Promise<StatusLine> {
  const terminals = { stdout: await isTerminal("stdout"), stderr: await isTerminal("stderr") };
  let size = await terminalSize("stderr");
  let text: string | undefined;
  let isShown = false;
  /** A line that has no end yet must not be overwritten. */
  let isAtStart = true;
  const onResize = (): void => void terminalSize("stderr").then((next) => (size = next));
  if (terminals.stderr) process.on("SIGWINCH", onResize);

  const erase = async (): Promise<void> => {
    const wasShown = isShown;
    isShown = false;
    if (wasShown) await standardOutput.write("stderr", ERASE);
  };
  const draw = (): void => {
    if (size === undefined || text === undefined || !isAtStart) return void erase();
    void standardOutput.write("stderr", ERASE + clipToWidth(text, size.columns - ECHO_COLUMNS));
    isShown = true;
  };

  return {
    show(next) {
      text = next;
      draw();
    },
    async write(stream, bytes) {
      if (bytes.length === 0 || !terminals[stream]) return standardOutput.write(stream, bytes);
      void erase();
      const isWritten = standardOutput.write(stream, bytes);
      isAtStart = typeof bytes === "string" ? bytes.endsWith("\n") : bytes.at(-1) === LINE_END;
      draw();
      return isWritten;
    },
    async [Symbol.asyncDispose]() {
      process.off("SIGWINCH", onResize);
      text = undefined;
      await erase();
    },
  };
}
